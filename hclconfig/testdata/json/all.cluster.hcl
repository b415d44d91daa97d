clusterform {
  required_version = ">= 0.1"
}

variable "pools" {
  type = map(object({ size = number, zone = optional(string) }))
  default = {
    blue  = { size = 1 }
    green = { size = 2, zone = "eu-central-1a" }
  }
}

variable "password" {
  type      = string
  default   = "x"
  sensitive = true
}

locals {
  prefix = "web-${var.pools["blue"].size}"
}

cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
  tags         = { owner = local.prefix }
  network {
    availability_zones = ["eu-central-1a", "eu-central-1b"]
  }
  control_plane {
    size          = 3
    instance_type = "t3.large"
  }
  firewall {
    allow "web" {
      ports = [80, "443-444"]
      from  = ["0.0.0.0/0"]
    }
    allow "ssh" {
      to    = "w"
      ports = [22]
      from  = ["10.0.0.0/8", "cluster"]
    }
  }
}

node_pool "w" {
  for_each           = var.pools
  cluster            = cluster.lab
  size               = each.value.size
  availability_zones = compact([each.value.zone])
  depends_on         = [cluster.lab]
  taint "a" {
    effect = "NoExecute"
  }
  lifecycle {
    prevent_destroy = true
    ignore_changes  = [tags]
  }
}

workload "web" {
  cluster  = cluster.lab
  replicas = 2
  container "app" {
    image = "app:1"
    env   = { PASSWORD = var.password }
    port "http" { container = 8080 }
    health_check { http = "/" }
  }
  expose "http" { port = 80 }
  secret "s" {
    files = { key = var.password }
  }
  placement {
    toleration {
      key = "a"
    }
    toleration {
      key = "b"
    }
  }
}

manifest "ns" {
  cluster = cluster.lab
  object = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata   = { name = local.prefix }
  }
}

moved {
  from = node_pool.old
  to   = node_pool.new
}

import {
  to = node_pool.w["blue"][0]
  id = "i-1"
}

output "sizes" {
  value = { for k, p in node_pool.w : k => p.size }
}
