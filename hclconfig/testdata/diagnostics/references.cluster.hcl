cluster "lab" {
  for_each     = toset(["a", "b"])
  orchestrator = "swarm"
  version      = "28.1"
  region       = "eu-central-1"
}

node_pool "one" {
  cluster = cluster.lab
  size    = 1
}

node_pool "two" {
  cluster = cluster.lab["c"]
  size    = cluster.lab.size
  tags    = { x = cluster.lab["a"].endpont }
}

node_pool "three" {
  cluster    = cluster.lab["a"]
  size       = each.key
  depends_on = [node_pool.four, "node_pool.one"]
  lifecycle {
    ignore_changes       = [tag]
    replace_triggered_by = [cluster.lba]
    prevent_destroy      = var.x
  }
}

node_pool "five" {
  cluster = cluster.nope
  size    = count.index
}

node_pool "six" {
  cluster = node_pool.one
  size    = length(node_pool.one.nodes)
}
