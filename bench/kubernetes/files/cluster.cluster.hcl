cluster "bench" {
  orchestrator = "kubernetes"
  version      = "VERSION"
  region       = "us-east-1"

  network {
    cidr = "10.90.0.0/16"
  }

  control_plane {
    instance_type = "t3.medium"
    access        = ["0.0.0.0/0"]
  }

  firewall {
    allow "hello" {
      to    = "worker"
      ports = [30080]
      from  = ["0.0.0.0/0"]
    }
  }
}

node_pool "worker" {
  cluster       = cluster.bench
  size          = 2
  instance_type = "t3.medium"
}

workload "hello" {
  cluster  = cluster.bench
  replicas = 3

  container "hello" {
    image = "registry.lab:5000/hello:1"

    port "http" {
      container = 8080
    }

    readiness {
      http     = "/healthz"
      interval = "2s"
    }
  }

  expose "http" {
    port      = 8080
    node_port = 30080
  }
}

output "workers" {
  value = node_pool.worker.nodes[*].public_ip
}
