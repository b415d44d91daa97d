package kubernetes

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// Labels and annotations of all objects.
const (
	nameLabel      = "app.kubernetes.io/name"     // the workload block's label
	instanceLabel  = "app.kubernetes.io/instance" // the object's name, one for each key of for_each
	managedByLabel = "app.kubernetes.io/managed-by"
	manager        = "clusterform"
	// AddressAnnotation holds the address of the block an object was made of.
	AddressAnnotation = "clusterform/address"
)

func newBuilder(w *hclconfig.Workload, o Options) *builder {
	b := &builder{w: w, options: o, name: orchestrator.Name(&w.Block)}
	b.content = b.files()
	return b
}

func (b *builder) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: name, Namespace: b.w.Namespace, Labels: b.labels(),
		Annotations: map[string]string{AddressAnnotation: string(b.w.Address)},
	}
}

// labels are those of the workload and ours, which selectors rely on.
func (b *builder) labels() map[string]string {
	out := map[string]string{}
	maps.Copy(out, b.w.Labels)
	maps.Copy(out, b.selector())
	out[managedByLabel] = manager
	return out
}

// selector never changes in the life of a workload: Kubernetes refuses to change those of a Deployment.
func (b *builder) selector() map[string]string {
	return map[string]string{nameLabel: b.w.Name, instanceLabel: b.name}
}
