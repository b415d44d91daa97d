clusterform {
  required_version = ">= 0.1"
}

variable "workers" {
  type    = number
  default = 2
}

cluster "lab" {
  orchestrator = "kubernetes" # or "swarm", "mesos"
  version      = "1.34.4"
  region       = "ap-northeast-2"

  network {
    cidr               = "10.88.0.0/16"
    availability_zones = 2 # a number, or a list of names
    overlay {
      backend  = "vxlan"
      pod_cidr = "10.244.0.0/16"
    }
  }

  control_plane {
    size          = 1 # 1, 3 or 5; more than one puts a load balancer in front
    instance_type = "t3.medium"
  }

  firewall { # becomes security groups, and host rules where asked
    allow "web" {
      to    = "worker"
      ports = [80, 443, "30000-32767"]
      from  = ["0.0.0.0/0"]
    }
  }
}

node_pool "worker" {
  cluster       = cluster.lab
  size          = var.workers
  instance_type = ["t3.large", "t3a.large"] # ordered fallback on lack of capacity
  labels        = { tier = "web" }

  update {
    max_surge       = 1
    max_unavailable = 0
  }
}

workload "web" {
  cluster  = cluster.lab
  replicas = 3

  container "app" {
    image = "registry.lab:5000/hello:1"
    port "http" { container = 8080 }
    resources {
      cpu    = "100m"
      memory = "64Mi"
    }
    health_check { http = "/healthz" }
  }

  sidecar "log" { image = "registry.lab:5000/tail:1" }

  expose "http" {
    port      = 80
    node_port = 30080
  }

  update {
    max_surge       = 1
    max_unavailable = 0
    auto_revert     = true
  }
}

output "endpoint" { value = cluster.lab.endpoint }
