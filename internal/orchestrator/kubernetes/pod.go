package kubernetes

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/hclconfig"
)

func (b *builder) template() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: b.labels(), Annotations: maps.Clone(b.w.Annotations)},
		Spec:       b.podSpec(),
	}
}

func (b *builder) podSpec() corev1.PodSpec {
	s := corev1.PodSpec{
		RestartPolicy:                 b.restartPolicy(),
		TerminationGracePeriodSeconds: new(seconds(b.w.Grace)),
		Volumes:                       b.volumes(),
		NodeSelector:                  b.w.Placement.NodeLabels,
		Affinity:                      b.affinity(),
		Tolerations:                   b.tolerations(),
		TopologySpreadConstraints:     b.spread(),
	}
	// Sidecars start before the init containers, which may need them.
	if b.options.nativeSidecars() {
		for _, c := range b.w.Sidecars {
			x := b.container(c)
			x.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
			s.InitContainers = append(s.InitContainers, x)
		}
	}
	for _, c := range b.w.InitContainers {
		s.InitContainers = append(s.InitContainers, b.container(c))
	}
	for _, c := range b.w.Containers {
		x := b.container(c)
		x.Lifecycle = b.lifecycle()
		s.Containers = append(s.Containers, x)
	}
	if !b.options.nativeSidecars() {
		for _, c := range b.w.Sidecars {
			s.Containers = append(s.Containers, b.container(c))
		}
	}
	return s
}

// goesOn is how many seconds an exposed pod works on before it is told to stop: until no node sends it anything any more.
const goesOn = 5

// lifecycle lets what is exposed go on answering for a while, at most for half of its grace.
func (b *builder) lifecycle() *corev1.Lifecycle {
	wait := min(goesOn, seconds(b.w.Grace)/2)
	if len(b.w.Expose) == 0 || wait == 0 || !b.options.since(sleepHooks) {
		return nil
	}
	return &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: wait}}}
}

func (b *builder) restartPolicy() corev1.RestartPolicy {
	switch b.w.RestartPolicy {
	case "on_failure":
		return corev1.RestartPolicyOnFailure
	case "never":
		return corev1.RestartPolicyNever
	default:
		return corev1.RestartPolicyAlways
	}
}

// all lists every container of the workload.
func all(w *hclconfig.Workload) []hclconfig.Container {
	return append(append(append([]hclconfig.Container(nil), w.Sidecars...), w.InitContainers...), w.Containers...)
}
