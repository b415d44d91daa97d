terraform {
  required_providers {
    clusterform = {
      source = "clusterform/clusterform"
    }
  }
}

# Credentials, region and endpoint come from the usual places of AWS: the environment, a profile, an instance role.
provider "clusterform" {
  region       = "us-east-1"
  default_tags = { team = "platform" }
}
