terraform import clusterform_manifest.quota us-east-1/lab/quota
