clutser "lab" {
}

cluster "lab" {
  orchestrater = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"

  network {
    cdir = "10.0.0.0/16"
    qqqqqq {
    }
  }
}

node_pool "worker" {
  cluster   = cluster.lab
  size      = 1
  zzzzzzzzz = true
}
