package kubernetes

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// volumeName is the name in the pod of a volume, config or secret block that is mounted.
func (b *builder) volumeName(label string) string {
	prefix := "secret-"
	switch {
	case slices.ContainsFunc(b.w.Volumes, func(v hclconfig.Volume) bool { return v.Name == label }):
		prefix = "volume-"
	case slices.ContainsFunc(b.w.Configs, func(f hclconfig.ConfigFile) bool { return f.Name == label }):
		prefix = "config-"
	}
	return prefix + orchestrator.Part(label)
}

// volumes are those that a container mounts, in the order of the blocks.
func (b *builder) volumes() []corev1.Volume {
	mounted := map[string]bool{}
	for _, c := range all(b.w) {
		for _, m := range c.Mounts {
			mounted[b.volumeName(m.Name)] = true
		}
	}
	var out []corev1.Volume
	add := func(label string, source corev1.VolumeSource) {
		name := b.volumeName(label)
		if mounted[name] {
			out = append(out, corev1.Volume{Name: name, VolumeSource: source})
			delete(mounted, name)
		}
	}
	for _, v := range b.w.Volumes {
		add(v.Name, b.volumeSource(v))
	}
	for _, f := range b.w.Configs {
		if secret := b.content.secretNames[f.Name]; sensitive(f.Files) {
			add(f.Name, secretSource(secret, f.Files))
			continue
		}
		add(f.Name, corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: b.content.configNames[f.Name]}, Items: keyPaths(f.Files),
		}})
	}
	for _, s := range b.w.Secrets {
		add(s.Name, secretSource(b.content.secretNames[s.Name], s.Files))
	}
	return out
}

func secretSource(name string, files map[string]hclconfig.FileContent) corev1.VolumeSource {
	return corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name, Items: keyPaths(files)}}
}

func (b *builder) volumeSource(v hclconfig.Volume) corev1.VolumeSource {
	switch {
	case v.Empty != nil:
		e := &corev1.EmptyDirVolumeSource{}
		if v.Empty.Memory {
			e.Medium = corev1.StorageMediumMemory
		}
		if v.Empty.SizeBytes > 0 {
			e.SizeLimit = resource.NewQuantity(v.Empty.SizeBytes, resource.BinarySI)
		}
		return corev1.VolumeSource{EmptyDir: e}
	case v.Claim != nil:
		return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: b.claimName(v)}}
	default:
		return corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: v.Host}}
	}
}

func (b *builder) claimName(v hclconfig.Volume) string {
	return b.name + "-" + orchestrator.Part(v.Name)
}

func (b *builder) claims() []*corev1.PersistentVolumeClaim {
	var out []*corev1.PersistentVolumeClaim
	for _, v := range b.w.Volumes {
		if v.Claim == nil {
			continue
		}
		c := &corev1.PersistentVolumeClaim{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"}, ObjectMeta: b.meta(b.claimName(v)),
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{accessMode(v.Claim.AccessMode)},
				Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
					corev1.ResourceStorage: *resource.NewQuantity(v.Claim.SizeBytes, resource.BinarySI),
				}},
			},
		}
		if v.Claim.StorageClass != "" { // none means the default; an empty one would mean none at all
			c.Spec.StorageClassName = &v.Claim.StorageClass
		}
		out = append(out, c)
	}
	return out
}

func accessMode(s string) corev1.PersistentVolumeAccessMode {
	switch s {
	case "read_only_many":
		return corev1.ReadOnlyMany
	case "read_write_many":
		return corev1.ReadWriteMany
	default:
		return corev1.ReadWriteOnce
	}
}
