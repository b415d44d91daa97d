// Package operate is the commands that look at running clusters and work on them: status, kubeconfig, docker-env, logs,
// exec, drain, cordon, token, certs. They read the state to know which clusters there are, and ask the clusters the rest;
// they never change the state. What changes it is in internal/cli, what does it is in internal/orchestrator.
package operate
