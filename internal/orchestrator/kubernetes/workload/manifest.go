package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// awaitManifest waits until a raw object is ready: rolled out where it makes pods, established where it defines a type,
// and else as its own conditions say, if it has any.
func (a *applying) awaitManifest(ctx context.Context, u *unstructured.Unstructured) error {
	k, gvk := keyFor(u), u.GroupVersionKind()
	end, last := time.Now().Add(a.d.bounds.ready), ""
	began := time.Now()
	for pause := a.d.bounds.poll / 4; ; pause = a.d.bounds.next(pause, began) {
		p := readiness(u)
		if p.done {
			return nil
		}
		text := p.text
		if why := a.why(ctx, u, p.failed != ""); why != "" {
			text += "; " + why
		}
		if p.failed != "" {
			return &failure{op: "Wait", key: k, message: text + ": " + p.failed, hint: "Correct the manifest and apply again"}
		}
		if time.Now().After(end) {
			return &failure{op: "Wait", key: k, message: fmt.Sprintf("not ready after %s: %s", a.d.bounds.ready, text), hint: "Apply again to go on waiting, or write wait = false"}
		}
		if text != last {
			a.progress(a.hide(text))
			last = text
		}
		if err := sleep(ctx, pause); err != nil {
			return errors.Join(&failure{op: "Wait", key: k, message: "interrupted: " + text}, err)
		}
		var got *unstructured.Unstructured
		err := a.d.persist(ctx, a.progress, func() (err error) {
			got, err = a.api.get(ctx, gvk, k)
			return failedOrNil("Get", k, err)
		})
		if apierrors.IsNotFound(err) {
			return &failure{op: "Wait", key: k, message: "it was deleted while it was waited for", hint: "Apply again"}
		}
		if err != nil {
			return err
		}
		u = got
	}
}

// readiness tells how far any object is.
func readiness(u *unstructured.Unstructured) progressOf {
	switch u.GetKind() {
	case "Deployment", "StatefulSet", "DaemonSet", "Job", "Pod":
		return progressFor(u)
	case "CustomResourceDefinition":
		return byCondition(u, true, "Established")
	case "APIService":
		return byCondition(u, true, "Available")
	default:
		return byCondition(u, false, "Ready", "Available")
	}
}

// byCondition goes by the first of the conditions that an object has; must waits for one to be there.
func byCondition(u *unstructured.Unstructured, must bool, types ...string) progressOf {
	seen, stamped, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	for _, typ := range types {
		c, ok := conditionOf(u, typ)
		if !ok {
			continue
		}
		if c.status == "True" && (!stamped || seen >= u.GetGeneration()) {
			return progressOf{done: true}
		}
		text := "not " + typ
		for _, s := range []string{c.reason, c.message} {
			if s != "" {
				text += ": " + s
			}
		}
		return progressOf{text: text}
	}
	return progressOf{done: !must, text: "waiting for the cluster to take note"}
}
