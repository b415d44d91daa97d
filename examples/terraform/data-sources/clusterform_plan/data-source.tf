# A cluster that `clusterform apply` manages, in files of its own language.
data "clusterform_plan" "platform" {
  directory = "${path.module}/platform"
  variables = { size = 3 }
}

output "platform" {
  value = data.clusterform_plan.platform.summary
}

# Warns as long as it is not as its files say.
check "platform" {
  assert {
    condition     = data.clusterform_plan.platform.empty
    error_message = "The platform is not as its files say: ${length(data.clusterform_plan.platform.changes)} changes."
  }
}
