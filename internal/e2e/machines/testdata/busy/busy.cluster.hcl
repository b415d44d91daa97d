# As many replicas as the load asks for: on Kubernetes alone. The limit keeps three busy ones from slowing down the rest.

workload "busy" {
  cluster = cluster.lab

  container "app" {
    image = "registry.lab:5000/hello:1"

    port "http" {
      container = 8080
    }

    resources {
      cpu       = "20m"
      cpu_limit = "100m"
      memory    = "32Mi"
    }
  }

  autoscale {
    min = 1
    max = 3
    cpu = 50
  }

  expose "http" {
    port      = 8080
    node_port = 30081
  }
}
