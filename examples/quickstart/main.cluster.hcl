# One cluster, one control-plane node and one pool. `make demo` applies this in a lab.

variable "workers" {
  description = "How many worker nodes there are."
  type        = number
  default     = 2
}

cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "ap-northeast-2"

  network {
    cidr               = "10.88.0.0/16"
    availability_zones = 2
  }

  control_plane {
    instance_type = "t3.medium"
  }

  firewall {
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
  instance_type = ["t3.large", "t3a.large"]

  labels = {
    tier = "web"
  }
}

output "endpoint" {
  description = "Where the API answers."
  value       = cluster.lab.endpoint
}

output "workers" {
  value = node_pool.worker.nodes[*].private_ip
}
