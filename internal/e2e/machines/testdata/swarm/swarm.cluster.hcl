# A Swarm whose managers come and go.

variable "managers" {
  type    = number
  default = 1
}

variable "manager_type" {
  type    = string
  default = "t3.medium"
}

variable "encrypted" {
  type    = bool
  default = false
}

cluster "lab" {
  orchestrator = "swarm"
  region       = "eu-central-1"

  network {
    cidr               = "10.78.0.0/16"
    availability_zones = 2

    overlay {
      encrypted = var.encrypted
    }
  }

  control_plane {
    size          = var.managers
    instance_type = var.manager_type
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
  size          = 1
  instance_type = "t3.medium"
  labels        = { tier = "web" }
}

workload "web" {
  cluster  = cluster.lab
  replicas = 1

  container "app" {
    image = "registry.lab:5000/hello:1"

    port "http" {
      container = 8080
    }

    health_check {
      command = ["/hello", "check"]
    }
  }

  placement {
    node_labels = { tier = "web" }
  }

  expose "http" {
    port      = 8080
    node_port = 30080
  }
}

workload "tail" {
  cluster  = cluster.lab
  replicas = 1

  container "app" {
    image = "registry.lab:5000/tail:1"
  }
}
