package kubernetes

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/clusterform/clusterform/hclconfig"
)

// env refers to secrets for whatever is sensitive.
func (b *builder) env(c hclconfig.Container) []corev1.EnvVar {
	var out []corev1.EnvVar
	for _, e := range c.Env {
		switch {
		case e.FromSecret != "":
			out = append(out, secretEnv(e.Name, b.content.secretNames[e.FromSecret], fileKey(e.SecretKey)))
		case e.Sensitive:
			out = append(out, secretEnv(e.Name, b.content.env, envKey(c, e)))
		default:
			out = append(out, corev1.EnvVar{Name: e.Name, Value: literal(e.Value)})
		}
	}
	return out
}

func secretEnv(name, secret, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key,
	}}}
}

// envKey is where the value of a sensitive variable is in the secret that holds those of all containers.
func envKey(c hclconfig.Container, e hclconfig.EnvVar) string { return c.Name + "." + e.Name }

// sensitiveEnv are the variables that env refers to.
func sensitiveEnv(w *hclconfig.Workload) map[string]string {
	out := map[string]string{}
	for _, c := range all(w) {
		for _, e := range c.Env {
			if e.Sensitive && e.FromSecret == "" {
				out[envKey(c, e)] = e.Value
			}
		}
	}
	return out
}
