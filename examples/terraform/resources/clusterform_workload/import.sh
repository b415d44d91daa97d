terraform import clusterform_workload.web us-east-1/lab/web
