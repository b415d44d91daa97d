package kubernetes

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/hclconfig"
)

func (b *builder) affinity() *corev1.Affinity {
	p := b.w.Placement
	if len(p.Affinity) == 0 && len(p.AntiAffinity) == 0 {
		return nil
	}
	out := &corev1.Affinity{}
	if len(p.Affinity) > 0 {
		out.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms(p.Affinity)}
	}
	if len(p.AntiAffinity) > 0 {
		out.PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms(p.AntiAffinity)}
	}
	return out
}

// terms name workloads of the cluster, in whichever namespace they are.
func terms(names []string) []corev1.PodAffinityTerm {
	var out []corev1.PodAffinityTerm
	for _, n := range names {
		out = append(out, corev1.PodAffinityTerm{
			LabelSelector:     &metav1.LabelSelector{MatchLabels: map[string]string{nameLabel: n, managedByLabel: manager}},
			NamespaceSelector: &metav1.LabelSelector{},
			TopologyKey:       corev1.LabelHostname,
		})
	}
	return out
}

// spread prefers an even distribution and does not insist on it: replicas that run unevenly are better than replicas that
// wait for a zone to come back.
func (b *builder) spread() []corev1.TopologySpreadConstraint {
	if b.w.Kind == hclconfig.Daemon || b.w.Kind == hclconfig.Pod {
		return nil
	}
	var out []corev1.TopologySpreadConstraint
	for _, s := range b.w.Placement.Spread {
		c := corev1.TopologySpreadConstraint{
			MaxSkew: 1, TopologyKey: topologyKey(s), WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector:    &metav1.LabelSelector{MatchLabels: b.selector()},
			NodeTaintsPolicy: new(corev1.NodeInclusionPolicyHonor), // nodes that are gone do not count
		}
		if b.w.Kind == hclconfig.Deployment {
			c.MatchLabelKeys = []string{"pod-template-hash"} // pods of the version before do not count
		}
		out = append(out, c)
	}
	return out
}

func topologyKey(s string) string {
	switch s {
	case "node":
		return corev1.LabelHostname
	case "zone":
		return corev1.LabelTopologyZone
	default:
		return s
	}
}

func (b *builder) tolerations() []corev1.Toleration {
	var out []corev1.Toleration
	for _, t := range b.w.Placement.Tolerations {
		x := corev1.Toleration{Key: t.Key, Effect: corev1.TaintEffect(t.Effect), Operator: corev1.TolerationOpExists}
		if !t.Exists && t.Key != "" {
			x.Operator, x.Value = corev1.TolerationOpEqual, t.Value
		}
		if t.Duration == 0 {
			out = append(out, x)
			continue
		}
		if t.Effect == "" { // a time is only allowed for NoExecute; the other effects are tolerated all the same
			for _, e := range []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule} {
				x.Effect = e
				out = append(out, x)
			}
		}
		x.Effect, x.TolerationSeconds = corev1.TaintEffectNoExecute, new(seconds(t.Duration))
		out = append(out, x)
	}
	return out
}
