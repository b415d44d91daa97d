package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// Block is one resource as a block of the language, in its JSON syntax.
type Block struct {
	Type string         `json:"type"` // cluster, node_pool, workload, manifest
	Name string         `json:"name"`
	Body map[string]any `json:"body"`
	// Secrets are values of the body's variables: "${var.NAME}" stands there instead. They are never stored.
	Secrets map[string]string `json:"-"`
	// Secret says that Body has such variables.
	Secret bool `json:"secret,omitempty"`
}

// whole tells whether the block can be evaluated: a stored one with secrets cannot.
func (b Block) whole() bool { return !b.Secret || len(b.Secrets) > 0 }

// blanked is a stored block with something in the places of its secrets: enough to tell what does not depend on them.
func (b Block) blanked() Block {
	if !b.whole() {
		b.Secrets = map[string]string{}
		blank(b.Body, b.Secrets)
	}
	return b
}

// blank finds the variables in a body.
func blank(body any, secrets map[string]string) {
	switch body := body.(type) {
	case map[string]any:
		for _, inner := range body {
			blank(inner, secrets)
		}
	case []any:
		for _, inner := range body {
			blank(inner, secrets)
		}
	case string:
		if name, ok := strings.CutPrefix(body, "${var."); ok {
			secrets[strings.TrimSuffix(name, "}")] = "-"
		}
	}
}

// Address is the block's.
func (b Block) Address() resource.Address { return resource.Address(b.Type + "." + b.Name) }

// Literal is a string as the JSON syntax takes it, in which templates are no more than text.
func Literal(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s)
}

// fileName is how messages of the loader call the document.
const fileName = "terraform.cluster.json"

// load makes a configuration of blocks, with an output for each computed attribute of those at the addresses in show.
func load(blocks map[resource.Address]Block, version string) (*hclconfig.Configuration, hclconfig.Diagnostics) {
	doc := map[string]map[string]any{}
	put := func(typ, name string, body any) {
		if doc[typ] == nil {
			doc[typ] = map[string]any{}
		}
		doc[typ][name] = body
	}
	var vars []hclconfig.VarSource
	for _, a := range slices.Sorted(maps.Keys(blocks)) {
		b := blocks[a]
		if !b.whole() {
			continue
		}
		put(b.Type, b.Name, b.Body)
		for attr := range computedTypes(b.Type) {
			put("output", outputName(a, attr), map[string]any{"value": "${" + string(a) + "." + attr + "}"})
		}
		for name, value := range b.Secrets {
			put("variable", name, map[string]any{"type": "string", "sensitive": true})
			vars = append(vars, hclconfig.VarSource{Origin: hclconfig.VarValue, Name: name, Value: cty.StringVal(value)})
		}
	}
	for name, cluster := range poolsMentioned(blocks) {
		put("node_pool", name, map[string]any{"cluster": "${" + cluster + "}", "size": 0})
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return nil, hclconfig.Diagnostics{{Severity: hclconfig.Error, Summary: "Resource cannot be written as a block", Detail: err.Error()}}
	}
	return hclconfig.Load(".", hclconfig.Options{
		Vars: vars, Version: version,
		Snapshot: &hclconfig.Sources{Dir: "/", Files: []hclconfig.SourceFile{{Path: fileName, Kind: hclconfig.SourceConfig, Data: data}}},
	})
}

// poolsMentioned are node pools that a firewall names and that are not declared yet, as Terraform comes to them later.
func poolsMentioned(blocks map[resource.Address]Block) map[string]string {
	out := map[string]string{}
	for a, b := range blocks {
		firewall, _ := b.Body["firewall"].(map[string]any)
		allow, _ := firewall["allow"].(map[string]any)
		for _, rule := range allow {
			fields, _ := rule.(map[string]any)
			to, _ := fields["to"].(string)
			if to == "" || to == "control_plane" || to == "worker" || to == "all" {
				continue
			}
			if _, declared := blocks[resource.Address("node_pool."+to)]; !declared {
				out[to] = string(a)
			}
		}
	}
	return out
}

// closeFirewall takes the rules for a pool that goes out of its cluster's block: their group would keep it alive.
func closeFirewall(blocks map[resource.Address]Block, cluster resource.Address, pool Block) {
	b, has := blocks[cluster]
	firewall, _ := b.Body["firewall"].(map[string]any)
	allow, _ := firewall["allow"].(map[string]any)
	if !has || pool.Type != "node_pool" || len(allow) == 0 {
		return
	}
	left := maps.Clone(allow)
	maps.DeleteFunc(left, func(_ string, rule any) bool {
		fields, _ := rule.(map[string]any)
		return fields["to"] == pool.Name
	})
	b.Body, firewall = maps.Clone(b.Body), maps.Clone(firewall)
	firewall["allow"], b.Body["firewall"] = left, firewall
	if len(left) == 0 {
		delete(firewall, "allow")
	}
	blocks[cluster] = b
}

// outputName is the name of the output that shows a computed attribute.
func outputName(a resource.Address, attribute string) string {
	return strings.ReplaceAll(string(a), ".", "--") + "--" + attribute
}

// computedTypes are the attributes of a block that exist only after apply, with their types.
func computedTypes(blockType string) map[string]cty.Type {
	out := map[string]cty.Type{}
	for _, top := range hclconfig.TopLevel() {
		if top.Type != blockType {
			continue
		}
		for _, a := range top.Schema.Attributes {
			if a.Computed && !a.KnownNow {
				out[a.Name] = a.Type
			}
		}
	}
	return out
}

// Check finds what is wrong with one block by itself. What it refers to is taken to be there.
func Check(id ID, b Block, version string) hclconfig.Diagnostics {
	blocks := map[resource.Address]Block{b.Address(): b}
	if b.Type != "cluster" {
		blocks[id.Address()] = Block{Type: "cluster", Name: id.Name, Body: map[string]any{
			"orchestrator": "kubernetes", "version": "1.34.4", "region": id.Region,
		}}
	}
	cfg, diags := load(blocks, version)
	if cfg != nil && !diags.HasErrors() {
		_, more := cfg.Evaluate(nil)
		diags = append(diags, more...)
	}
	if b.Type != "cluster" { // what is wrong with a cluster that only stands for the real one is told when planning
		diags = slices.DeleteFunc(diags, func(d hclconfig.Diagnostic) bool { return d.Address == hclconfig.Address(id.Address()) })
	}
	return diags
}

// describe is a block for messages.
func (b Block) describe() string { return fmt.Sprintf("%s %q", b.Type, b.Name) }
