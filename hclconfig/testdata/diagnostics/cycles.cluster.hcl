locals {
  a = local.b
  b = "${local.c}!"
  c = upper(local.a)
}

cluster "one" {
  orchestrator = "swarm"
  version      = "28.1"
  region       = "eu-central-1"
  tags         = { peer = cluster.two.uid }
}

cluster "two" {
  orchestrator = "swarm"
  version      = "28.1"
  region       = "eu-west-1"
  depends_on   = [node_pool.w]
}

node_pool "w" {
  cluster = cluster.one
  size    = 1
}

node_pool "self" {
  cluster = cluster.one
  size    = node_pool.self.size
}
