package kubernetes

import (
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// services are one of the workload's name, under which every port is reached from within the cluster. Where the blocks are
// of different types that one is cluster-internal, and each of the other types has one of its own beside it.
func (b *builder) services() []*corev1.Service {
	var types []string
	for _, e := range b.w.Expose {
		if !slices.Contains(types, e.Type) {
			types = append(types, e.Type)
		}
	}
	switch len(types) {
	case 0:
		return nil
	case 1:
		return []*corev1.Service{b.service(b.name, types[0], b.w.Expose)}
	}
	out := []*corev1.Service{b.service(b.name, "cluster", b.w.Expose)}
	for _, t := range []struct{ typ, suffix string }{{"node_port", "-nodes"}, {"load_balancer", "-lb"}} {
		of := slices.DeleteFunc(slices.Clone(b.w.Expose), func(e hclconfig.Expose) bool { return e.Type != t.typ })
		if len(of) > 0 {
			out = append(out, b.service(b.name+t.suffix, t.typ, of))
		}
	}
	return out
}

func (b *builder) service(name, typ string, list []hclconfig.Expose) *corev1.Service {
	s := &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: b.meta(name),
		Spec: corev1.ServiceSpec{Selector: b.selector(), Type: corev1.ServiceTypeClusterIP},
	}
	switch typ {
	case "node_port":
		s.Spec.Type = corev1.ServiceTypeNodePort
	case "load_balancer":
		s.Spec.Type = corev1.ServiceTypeLoadBalancer
	}
	for _, e := range list {
		p := corev1.ServicePort{
			Name: orchestrator.Part(e.Name), Port: int32(e.Port), TargetPort: intstr.Parse(e.Target), Protocol: protocol(e.Protocol),
		}
		if typ != "cluster" {
			p.NodePort = int32(e.NodePort)
		}
		s.Spec.Ports = append(s.Spec.Ports, p)
	}
	return s
}

func (b *builder) autoscaler() *autoscalingv2.HorizontalPodAutoscaler {
	a := b.w.Autoscale
	return &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"}, ObjectMeta: b.meta(b.name),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: b.name},
			MinReplicas:    new(int32(a.Min)), MaxReplicas: int32(a.Max),
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ResourceMetricSourceType,
				Resource: &autoscalingv2.ResourceMetricSource{
					Name:   corev1.ResourceCPU,
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(int32(a.CPU))},
				},
			}},
		},
	}
}
