# One cluster, one control-plane node and two pools; every step of the story changes one variable.

variable "workers" {
  type    = number
  default = 2
}

variable "type" {
  type    = string
  default = "t3.large"
}

variable "batch" {
  type    = bool
  default = true
}

variable "owner" {
  type    = string
  default = "platform"
}

variable "web_ports" {
  type    = list(number)
  default = [80]
}

cluster "shop" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "us-east-1"
  tags         = { owner = var.owner }

  network {
    cidr               = "10.20.0.0/16"
    availability_zones = 2
  }

  control_plane {
    size          = 1
    instance_type = "t3.medium"
    image         = var.image
  }

  firewall {
    allow "web" {
      to    = "worker"
      ports = var.web_ports
      from  = ["0.0.0.0/0"]
    }
  }
}

variable "image" {
  type    = string
  default = "ami-12c6146b"
}

node_pool "worker" {
  cluster       = cluster.shop
  size          = var.workers
  instance_type = [var.type, "m5.large"]
  image         = var.image

  update {
    max_surge       = 1
    max_unavailable = 0
  }
}

node_pool "batch" {
  enabled       = var.batch
  cluster       = cluster.shop
  size          = 1
  instance_type = "t3.medium"
  image         = var.image
}

output "endpoint" {
  value = cluster.shop.endpoint
}

output "workers" {
  value = node_pool.worker.nodes[*].id
}
