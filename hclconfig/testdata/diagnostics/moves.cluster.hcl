cluster "lab" {
  orchestrator = "swarm"
  version      = "28.1"
  region       = "eu-central-1"
}

node_pool "w" {
  for_each = toset(["a"])
  cluster  = cluster.lab
  size     = 2
}

moved {
  from = node_pool.old
  to   = cluster.lab
}
moved {
  from = cluster.lab
  to   = cluster.other
}
moved {
  from = node_pool.x
  to   = node_pool.y
}
moved {
  from = node_pool.x
  to   = node_pool.z
}
moved {
  from = node_pool.p
  to   = node_pool.q
}
moved {
  from = node_pool.q
  to   = node_pool.p
}
moved {
  from = node_pool.w["a"]
  to   = node_pool.v
}
removed {
  from = cluster.lab
}
removed {
  from = node_pol.x
}
import {
  to = cluster.lab
  id = "vpc-1"
}
import {
  to = node_pool.w["a"][7]
  id = "i-1"
}
import {
  to = node_pool.w["b"][0]
  id = "i-1"
}
