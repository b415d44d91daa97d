locals {
  # { dev = "10.0.0.0/16", live = "10.1.0.0/16" }
  networks = provider::clusterform::cidr_plan("10.0.0.0/8", 16, ["dev", "live"])
}

output "networks" {
  value = local.networks
}
