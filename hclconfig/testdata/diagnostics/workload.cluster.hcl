cluster "lab" {
  orchestrator = "swarm"
  version      = "28.1"
  region       = "eu-central-1"
}

workload "web" {
  cluster  = cluster.lab
  replicas = 3
  schedule = "* * * * *"

  container "app" {
    image = "app:"
    port "http" { container = 8080 }
    resources {
      cpu          = "lots"
      memory       = "64Mi"
      memory_limit = "32Mi"
    }
    health_check {
      http = "healthz"
      tcp  = true
    }
    mount "dta" { path = "/data" }
    mount "data2" { path = "relative" }
    secret_env "TOKEN" {
      secret = "db"
      key    = "pasword"
    }
    env = { TOKEN = "x", "1A" = "y" }
  }
  sidecar "app" { image = "log:1" }

  volume "data" {}
  secret "db" { files = { password = "x" } }
  expose "htpp" { port = 80 }
  expose "http" {
    port      = 80
    type      = "cluster"
    node_port = 30080
  }
  expose "low" {
    port      = 0
    target    = 8080
    node_port = 80
  }
  autoscale {
    min = 4
    max = 2
  }
  placement {
    anti_affinity = ["wbe"]
  }
}

workload "job" {
  cluster        = cluster.lab
  kind           = "job"
  replicas       = 2
  restart_policy = "always"
}

workload "cron" {
  cluster  = cluster.lab
  kind     = "cron_job"
  schedule = "61 * * *"
  container "c" { image = "c" }
}

manifest "m" {
  cluster = cluster.lab
  object  = { kind = "ConfigMap" }
}

manifest "n" {
  cluster = cluster.lab
  object = {
    apiVersion = "v1"
    kind       = "ConfigMap"
  }
}
