variable "secret" {
  sensitive = true
  default   = { hunter2 = "marker" }
}

cluster "lab" {
  orchestrator = "swarm"
  version      = "28.1"
  region       = "eu-central-1"
}

node_pool "list" {
  for_each = ["a", "b"]
  cluster  = cluster.lab
  size     = 1
}

node_pool "unknown" {
  for_each = toset([cluster.lab.endpoint])
  cluster  = cluster.lab
  size     = 1
}

node_pool "sensitive" {
  for_each = var.secret
  cluster  = cluster.lab
  size     = 1
}

node_pool "null" {
  for_each = null
  cluster  = cluster.lab
  size     = 1
}

node_pool "empty-key" {
  for_each = { "" = 1 }
  cluster  = cluster.lab
  size     = 1
}

node_pool "many" {
  for_each = { for i in range(5) : "k${i}" => i }
  cluster  = cluster.lab
  size     = each.value - 10
}
