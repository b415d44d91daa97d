# Two containers that share a pod's network: on Kubernetes alone.

workload "beside" {
  cluster    = cluster.lab
  replicas   = 2
  depends_on = [workload.web]

  container "app" {
    image = "registry.lab:5000/hello:1"

    port "http" {
      container = 8080
    }
  }

  sidecar "log" {
    image = "registry.lab:5000/tail:1"
  }

  placement {
    spread = ["node"]
  }

  expose "http" {
    port = 80
  }
}
