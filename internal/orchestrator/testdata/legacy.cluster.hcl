# A cluster from before sidecars were known to Kubernetes.

cluster "old" {
  orchestrator = "kubernetes"
  version      = "1.28.15"
  region       = "eu-central-1"
}

workload "web" {
  cluster = cluster.old
  container "app" { image = "web:1" }
  sidecar "log" { image = "tail:1" }
}
