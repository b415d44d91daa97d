terraform import clusterform_cluster.lab us-east-1/lab
