terraform import clusterform_node_pool.worker us-east-1/lab/worker
