# The same files for both orchestrators: `orchestrator` is the one word that changes.

variable "orchestrator" {
  type    = string
  default = "kubernetes"
}

variable "kubernetes" {
  description = "Kubernetes version."
  type        = string
  default     = "1.34.4"
}

variable "control_planes" {
  type    = number
  default = 1
}

variable "workers" {
  type    = number
  default = 2
}

variable "instance_type" {
  type    = string
  default = "t3.large"
}

variable "password" {
  type      = string
  sensitive = true
  default   = "marker-of-a-workload-secret"
}

cluster "lab" {
  orchestrator = var.orchestrator
  version      = var.orchestrator == "kubernetes" ? var.kubernetes : null
  region       = "eu-central-1"

  network {
    cidr               = "10.77.0.0/16"
    availability_zones = 2
  }

  control_plane {
    size          = var.control_planes
    instance_type = "t3.medium"
    access        = ["0.0.0.0/0"]
  }

  firewall {
    allow "web" {
      to    = "all"
      ports = ["30000-32767"]
      from  = ["0.0.0.0/0"]
    }
  }
}

node_pool "worker" {
  cluster       = cluster.lab
  size          = var.workers
  instance_type = var.instance_type
  labels        = { tier = "web" }

  update {
    max_surge       = 1
    max_unavailable = 0
  }
}

workload "web" {
  cluster = cluster.lab
  # Without IPVS in the kernel, a Swarm's node runs one task with a published port.
  replicas = var.orchestrator == "swarm" ? var.workers : 3

  container "app" {
    image = "registry.lab:5000/hello:1"

    port "http" {
      container = 8080
    }

    env = {
      PASSWORD_FILE = "/run/password/password"
    }

    mount "password" {
      path      = "/run/password"
      read_only = true
    }

    resources {
      cpu    = "50m"
      memory = "32Mi"
    }

    health_check {
      command = ["/hello", "check"]
    }
  }

  secret "password" {
    files = { password = var.password }
  }

  placement {
    node_labels = { tier = "web" }
    spread      = ["node"]
  }

  expose "http" {
    port      = 8080
    node_port = 30080
  }

  update {
    max_surge       = 1
    max_unavailable = 0
  }
}

output "endpoint" {
  value = cluster.lab.endpoint
}
