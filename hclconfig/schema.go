package hclconfig

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Schema says what a block may hold. The decoder, the suggestions in
// diagnostics and the reference tables of docs/language.md all read it.
type Schema struct {
	Description string
	Attributes  []Attribute
	Blocks      []NestedBlock
	// Open lets any further argument through: the inputs of a module, locals.
	Open bool
}

// Attribute is one argument of a block.
type Attribute struct {
	Name        string
	Type        cty.Type
	Form        Form   // how the value is checked and normalised beyond its type
	Required    bool   // must be written
	Default     string // as HCL source; empty: null
	Values      []string
	Description string

	Sensitive bool // may hold sensitive values
	PlanTime  bool // must be known when planning
	Static    bool // read as it stands and never evaluated: references, types, flags
	Computed  bool // cannot be written; known after apply, or derived
	KnownNow  bool // Computed, but known when planning
}

// NestedBlock is a block within a block.
type NestedBlock struct {
	Type   string
	Label  string // what the label is for; empty without a label
	Min    int
	Max    int // 0: any number
	Schema *Schema
}

// attribute finds an argument by name, or nil.
func (s *Schema) attribute(name string) *Attribute {
	for i := range s.Attributes {
		if s.Attributes[i].Name == name {
			return &s.Attributes[i]
		}
	}
	return nil
}

// block finds a nested block by type, or nil.
func (s *Schema) block(typ string) *NestedBlock {
	for i := range s.Blocks {
		if s.Blocks[i].Type == typ {
			return &s.Blocks[i]
		}
	}
	return nil
}

// names lists everything that may be written in the block.
func (s *Schema) names() []string {
	var out []string
	for _, a := range s.Attributes {
		if !a.Computed {
			out = append(out, a.Name)
		}
	}
	for _, b := range s.Blocks {
		out = append(out, b.Type)
	}
	return out
}

// body is the schema as hcl wants it, with a "dynamic" block where there are
// blocks to generate.
func (s *Schema) body() *hcl.BodySchema {
	out := &hcl.BodySchema{}
	for _, a := range s.Attributes {
		if !a.Computed {
			out.Attributes = append(out.Attributes, hcl.AttributeSchema{Name: a.Name, Required: a.Required})
		}
	}
	dynamic := false
	for _, b := range s.Blocks {
		h := hcl.BlockHeaderSchema{Type: b.Type}
		if b.Label != "" {
			h.LabelNames = []string{b.Label}
		}
		out.Blocks = append(out.Blocks, h)
		dynamic = dynamic || b.Max != 1
	}
	if dynamic {
		out.Blocks = append(out.Blocks, hcl.BlockHeaderSchema{Type: "dynamic", LabelNames: []string{"type"}})
	}
	return out
}

// fallback is the value of an argument that is not written.
func (a *Attribute) fallback() cty.Value {
	if a.Default == "" {
		return cty.NullVal(a.valueType())
	}
	expr, diags := hclsyntax.ParseExpression([]byte(a.Default), "default", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NullVal(a.valueType())
	}
	v, _ := expr.Value(nil)
	v, problem := a.normalise(v)
	if problem != "" {
		return cty.NullVal(a.valueType())
	}
	return v
}

// valueType is the type of the argument's value after normalising.
func (a *Attribute) valueType() cty.Type {
	if f, ok := forms()[a.Form]; ok && f.result != cty.NilType {
		return f.result
	}
	return a.Type
}
