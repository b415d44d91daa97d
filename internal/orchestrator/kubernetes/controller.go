package kubernetes

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/clusterform/clusterform/hclconfig"
)

// controller makes the object that makes the pods.
func (b *builder) controller() runtime.Object {
	switch b.w.Kind {
	case hclconfig.Daemon:
		return b.daemonSet()
	case hclconfig.Job:
		return &batchv1.Job{
			TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}, ObjectMeta: b.meta(b.name), Spec: b.jobSpec(),
		}
	case hclconfig.CronJob:
		return &batchv1.CronJob{
			TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "CronJob"}, ObjectMeta: b.meta(b.name),
			Spec: batchv1.CronJobSpec{
				Schedule: b.w.Schedule, TimeZone: new("Etc/UTC"), // the same on every control plane
				JobTemplate: batchv1.JobTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: b.labels()}, Spec: b.jobSpec()},
			},
		}
	case hclconfig.Pod:
		meta := b.meta(b.name)
		for k, v := range b.w.Annotations {
			meta.Annotations[k] = v
		}
		return &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: meta, Spec: b.podSpec()}
	default:
		return b.deployment()
	}
}

func (b *builder) deployment() *appsv1.Deployment {
	u := b.w.Update
	d := &appsv1.Deployment{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: b.meta(b.name),
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: b.selector()},
			Template: b.template(),
			Strategy: appsv1.DeploymentStrategy{
				Type: appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{
					MaxSurge: new(amount(u.MaxSurge)), MaxUnavailable: new(amount(u.MaxUnavailable)),
				},
			},
		},
	}
	if u.ProgressDeadline > 0 {
		d.Spec.ProgressDeadlineSeconds = new(seconds32(u.ProgressDeadline))
	}
	if b.w.Autoscale == nil { // the autoscaler owns the number otherwise
		d.Spec.Replicas = new(int32(b.w.Replicas))
	}
	return d
}

// disruption keeps drains from taking more replicas at once than updates do, and at least one: nil where there is but one.
func (b *builder) disruption() *policyv1.PodDisruptionBudget {
	replicas := b.w.Replicas
	if b.w.Autoscale != nil {
		replicas = b.w.Autoscale.Min
	}
	if b.w.Kind != hclconfig.Deployment || replicas < 2 {
		return nil
	}
	most := amount(b.w.Update.MaxUnavailable)
	if b.w.Update.MaxUnavailable.Value == 0 {
		most = intstr.FromInt32(1)
	}
	return &policyv1.PodDisruptionBudget{
		TypeMeta: metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"}, ObjectMeta: b.meta(b.name),
		Spec: policyv1.PodDisruptionBudgetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: b.selector()}, MaxUnavailable: &most,
			// What does not work anyhow holds up nobody.
			UnhealthyPodEvictionPolicy: new(policyv1.AlwaysAllow),
		},
	}
}

func (b *builder) daemonSet() *appsv1.DaemonSet {
	// Kubernetes takes one of the two for a DaemonSet: what may be missing, unless nothing may.
	update := &appsv1.RollingUpdateDaemonSet{}
	if u := b.w.Update; u.MaxUnavailable.Value == 0 && u.MaxSurge.Value > 0 {
		update.MaxSurge, update.MaxUnavailable = new(amount(u.MaxSurge)), new(intstr.FromInt32(0))
	} else {
		update.MaxUnavailable = new(amount(u.MaxUnavailable))
	}
	return &appsv1.DaemonSet{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DaemonSet"}, ObjectMeta: b.meta(b.name),
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: b.selector()},
			Template: b.template(),
			UpdateStrategy: appsv1.DaemonSetUpdateStrategy{
				Type: appsv1.RollingUpdateDaemonSetStrategyType, RollingUpdate: update,
			},
		},
	}
}

func (b *builder) jobSpec() batchv1.JobSpec {
	s := batchv1.JobSpec{
		Completions: new(int32(b.w.Completions)), Parallelism: new(int32(b.w.Parallelism)),
		BackoffLimit: new(int32(b.w.BackoffLimit)), Template: b.template(),
	}
	if b.w.Deadline > 0 {
		s.ActiveDeadlineSeconds = new(seconds(b.w.Deadline))
	}
	return s
}

func amount(a hclconfig.Amount) intstr.IntOrString {
	v := intstr.FromInt32(int32(a.Value))
	if a.Percent {
		return intstr.FromString(v.String() + "%")
	}
	return v
}

// seconds rounds up: half a second is not none.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

func seconds32(d time.Duration) int32 { return int32(min(seconds(d), 1<<31-1)) }
