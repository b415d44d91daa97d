package client

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// probeTimeout is how long Admit asks a cluster that nobody said to be initialised.
const probeTimeout = 3 * time.Second

// joinParameters are where nodes find the token: each role reads its own path.
func joinParameters() []string {
	return []string{orchestrator.ControlPlanePath + orchestrator.ParameterJoin, orchestrator.WorkerPath + orchestrator.ParameterJoin}
}

// Admit is orchestrator.Client's.
func (k *Client) Admit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	const initialised = orchestrator.ControlPlanePath + orchestrator.ParameterInitialised
	values, err := k.parameters.Get(ctx, append(joinParameters(), initialised)...)
	if err != nil {
		return err
	}
	token := values[joinParameters()[0]]
	if _, _, ok := splitToken(token); !ok {
		token = ""
	}
	initialising := values[initialised] == ""
	up := !initialising
	if !up {
		probe, stop := context.WithTimeout(ctx, probeTimeout)
		_, err := k.api.CoreV1().Namespaces().Get(probe, metav1.NamespaceSystem, metav1.GetOptions{})
		stop()
		up = err == nil
	}
	if up {
		if token, err = k.accepted(ctx, token, initialising); err != nil {
			return err
		}
	} else if token == "" {
		// The node that initialises the cluster makes the API accept it.
		if token, err = newToken(); err != nil {
			return err
		}
	}
	return k.publish(ctx, values, token)
}

// accepted returns the token when the API accepts it for long enough, else a new one that it does. The old one is left
// to its end, as nodes may be joining with it. While the first node is initialising the cluster, it is about to make the
// API accept the token that it was given: another beside it would only be left over.
func (k *Client) accepted(ctx context.Context, token string, initialising bool) (string, error) {
	secrets := k.api.CoreV1().Secrets(metav1.NamespaceSystem)
	if id, _, ok := splitToken(token); ok {
		s, err := secrets.Get(ctx, tokenPrefix+id, metav1.GetOptions{})
		switch {
		case err == nil && good(s, token, k.now()):
			return token, nil
		case initialising && apierrors.IsNotFound(err):
			return token, nil
		case err != nil && !apierrors.IsNotFound(err):
			return "", k.failed("read the join token", err)
		}
	}
	token, err := newToken()
	if err != nil {
		return "", err
	}
	if _, err := secrets.Create(ctx, tokenObject(token, k.now().Add(tokenLife)), metav1.CreateOptions{}); err != nil {
		return "", k.failed("create a join token", err)
	}
	return token, nil
}

func (k *Client) publish(ctx context.Context, had map[string]string, token string) error {
	for _, name := range joinParameters() {
		if had[name] == token {
			continue
		}
		if err := k.parameters.Put(ctx, name, token); err != nil {
			return err
		}
	}
	return nil
}

// Dismiss is orchestrator.Client's.
func (k *Client) Dismiss(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	values, err := k.parameters.Get(ctx, joinParameters()...)
	if err != nil {
		return err
	}
	// The parameters go even where the API is away: its tokens end by themselves within minutes.
	return errors.Join(k.dropTokens(ctx, values), k.parameters.Delete(ctx, joinParameters()...))
}

// RotateTokens makes every join token worthless, and a new one when nodes may join at present.
func (k *Client) RotateTokens(ctx context.Context) error {
	values, err := k.parameters.Get(ctx, joinParameters()...)
	if err != nil {
		return err
	}
	if err := k.Dismiss(ctx); err != nil || len(values) == 0 {
		return err
	}
	return k.Admit(ctx)
}

// dropTokens deletes the token secrets that are ours: labelled or described so, or made from the parameter.
func (k *Client) dropTokens(ctx context.Context, values map[string]string) error {
	secrets := k.api.CoreV1().Secrets(metav1.NamespaceSystem)
	list, err := secrets.List(ctx, metav1.ListOptions{FieldSelector: "type=" + string(corev1.SecretTypeBootstrapToken)})
	if err != nil {
		return k.failed("list join tokens", err)
	}
	used := map[string]bool{}
	for _, token := range values {
		if id, _, ok := splitToken(token); ok {
			used[tokenPrefix+id] = true
		}
	}
	var errs []error
	for i := range list.Items {
		s := &list.Items[i]
		if s.Labels[tokenLabel] == "" && string(s.Data["description"]) != tokenDescription && !used[s.Name] {
			continue
		}
		if err := secrets.Delete(ctx, s.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, k.failed("delete a join token", err))
		}
	}
	return errors.Join(errs...)
}
