# Pools of different nodes for different work: one made by for_each, one on spot instances, one protected.

variable "pools" {
  description = "General-purpose pools by name."
  type = map(object({
    size = number
    type = string
  }))
  default = {
    blue  = { size = 2, type = "t3.large" }
    green = { size = 1, type = "t3.large" }
  }
}

locals {
  tags = {
    owner = "platform"
    stage = "example"
  }
}

cluster "shop" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
  tags         = local.tags

  network {
    cidr               = "10.20.0.0/16"
    availability_zones = 3
  }

  # Three nodes put a load balancer in front of the API.
  control_plane {
    size          = 3
    instance_type = "t3.medium"
    access        = ["198.51.100.0/24"]
  }

  firewall {
    allow "web" {
      to    = "front"
      ports = [80, 443]
      from  = ["0.0.0.0/0"]
    }
  }
}

node_pool "front" {
  cluster       = cluster.shop
  size          = 2
  instance_type = "t3.large"
  tags          = local.tags

  # Two at a time, after one that is watched first.
  update {
    max_surge       = 2
    max_unavailable = 0
    canary          = 1
  }

  lifecycle {
    prevent_destroy = true
  }
}

node_pool "general" {
  for_each = var.pools

  cluster       = cluster.shop
  size          = each.value.size
  instance_type = each.value.type

  labels = {
    pool = each.key
  }
}

node_pool "batch" {
  cluster       = cluster.shop
  size          = 2
  instance_type = ["c6i.xlarge", "c5.xlarge", "m6i.xlarge"]
  spot          = true

  taint "batch" {
    value  = "true"
    effect = "NoSchedule"
  }

  # Half of the pool may be away while it is replaced.
  update {
    max_surge       = 0
    max_unavailable = "50%"
  }
}

output "api" {
  value = cluster.shop.endpoint_url
}

output "pool_sizes" {
  value = { for name, p in var.pools : name => p.size }
}
