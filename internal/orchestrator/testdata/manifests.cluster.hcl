# Raw objects: a namespace is not made twice, and secrets are not shown.

variable "password" {
  type      = string
  default   = "s3cret-of-the-test"
  sensitive = true
}

cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
}

manifest "login" {
  cluster = cluster.lab
  object = {
    apiVersion = "v1"
    kind       = "Secret"
    metadata   = { name = "login", namespace = "shop" }
    stringData = { user = "admin", password = var.password }
  }
}

manifest "policy" {
  cluster = cluster.lab
  object = {
    apiVersion = "example.com/v1"
    kind       = "Policy"
    metadata   = { name = "policy", namespace = "shop" }
    spec       = { weight = 1.5, count = 3, on = true, none = null, list = ["a", 1], token = "x-${var.password}" }
  }
}

manifest "shop" {
  cluster = cluster.lab
  object  = yamldecode("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    team: web\n")
}

workload "web" {
  cluster   = cluster.lab
  namespace = "shop"
  container "app" { image = "web:1" }
}

workload "other" {
  cluster   = cluster.lab
  namespace = "other"
  container "app" { image = "web:1" }
}
