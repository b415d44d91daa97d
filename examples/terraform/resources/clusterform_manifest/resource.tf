resource "clusterform_cluster" "lab" {
  name                = "lab"
  orchestrator        = "kubernetes"
  version             = "1.34.4"
  deletion_protection = false
}

resource "clusterform_manifest" "quota" {
  name    = "quota"
  cluster = clusterform_cluster.lab.id

  object = {
    apiVersion = "v1"
    kind       = "ResourceQuota"
    metadata   = { name = "small", namespace = "default" }
    spec       = { hard = { pods = "20" } }
  }
}
