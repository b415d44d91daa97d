# Each kind of workload that both orchestrators know, and what is left out where nothing is written.

cluster "lab" {
  orchestrator = "swarm"
  version      = "29.0"
  region       = "eu-central-1"
  network {
    overlay { encrypted = true }
  }
}

workload "plain" {
  cluster = cluster.lab
  container "app" { image = "nginx:1" }
}

workload "agent" {
  cluster = cluster.lab
  kind    = "daemon"
  container "agent" {
    image = "agent:1"
    liveness { command = ["/agent", "check"] }
  }
  update {
    max_surge       = 0
    max_unavailable = 2
  }
}

workload "migrate" {
  cluster       = cluster.lab
  kind          = "job"
  completions   = 2
  parallelism   = 2
  backoff_limit = 3
  container "migrate" {
    image = "shop:1"
    args  = ["migrate"]
  }
}

workload "shell" {
  cluster        = cluster.lab
  kind           = "pod"
  restart_policy = "never"
  grace          = "5s"
  container "shell" {
    image   = "debian:12"
    command = ["sleep", "inf"]
  }
}
