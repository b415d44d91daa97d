# A cluster, and a module that adds a node pool and a workload to it for each
# of several sites.

locals {
  sites = {
    north = { size = 2, zone = "eu-central-1a" }
    south = { size = 3, zone = "eu-central-1b" }
  }
}

cluster "main" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"

  network {
    cidr               = "10.0.0.0/16"
    availability_zones = ["eu-central-1a", "eu-central-1b"]
  }
}

module "edge" {
  source   = "./edge"
  for_each = local.sites

  cluster = cluster.main
  name    = each.key
  size    = each.value.size
  zones   = [each.value.zone]
}

output "addresses" {
  value = { for site, m in module.edge : site => m.addresses }
}

output "north_size" {
  value = module.edge["north"].size
}
