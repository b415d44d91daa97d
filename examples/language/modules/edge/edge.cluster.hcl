variable "cluster" {
  description = "The cluster to add nodes to."
  type        = any
}

variable "name" {
  type = string
  validation {
    condition     = length(var.name) <= 10
    error_message = "The name of a site has at most 10 characters, and \"${var.name}\" has ${length(var.name)}."
  }
}

variable "size" {
  type    = number
  default = 1
}

variable "zones" {
  type    = list(string)
  default = []
}

node_pool "edge" {
  for_each           = toset([var.name])
  cluster            = var.cluster
  size               = var.size
  availability_zones = var.zones
  labels             = { site = each.key }
}

workload "agent" {
  for_each = toset([var.name])
  cluster  = var.cluster
  kind     = "daemon"
  placement {
    node_labels = { site = each.key }
  }
  container "agent" {
    image = "registry.lab:5000/agent:1"
    env = {
      SITE     = each.key
      ENDPOINT = var.cluster.endpoint
    }
  }
}

output "addresses" {
  value = node_pool.edge[var.name].nodes[*].private_ip
}

output "size" {
  value = node_pool.edge[var.name].size
}
