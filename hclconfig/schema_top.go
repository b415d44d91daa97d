package hclconfig

import "github.com/zclconf/go-cty/cty"

// TopLevel lists the blocks of a file. It is made anew at each call, so that
// nobody can change another's.
func TopLevel() []NestedBlock {
	return []NestedBlock{
		{Type: "clusterform", Schema: &Schema{
			Description: "Settings of the configuration as a whole.",
			Attributes: []Attribute{
				{Name: "required_version", Type: cty.String, Static: true, Description: "Versions of clusterform that may be used: `\">= 0.1, < 2.0\"`."},
			},
		}},
		{Type: "variable", Label: "name", Schema: variableSchema()},
		{Type: "locals", Schema: &Schema{Description: "Named values, referred to as `local.NAME`.", Open: true}},
		{Type: "output", Label: "name", Schema: outputSchema()},
		{Type: "cluster", Label: "name", Schema: clusterSchema()},
		{Type: "node_pool", Label: "name", Schema: nodePoolSchema()},
		{Type: "workload", Label: "name", Schema: workloadSchema()},
		{Type: "manifest", Label: "name", Schema: manifestSchema()},
		{Type: "module", Label: "name", Schema: moduleSchema()},
		{Type: "moved", Schema: &Schema{
			Description: "Says that an object has a new address, so that it is not destroyed and made again.",
			Attributes: []Attribute{
				{Name: "from", Type: cty.DynamicPseudoType, Required: true, Static: true, Description: "Old address: `node_pool.old`, `module.old`."},
				{Name: "to", Type: cty.DynamicPseudoType, Required: true, Static: true, Description: "New address."},
			},
		}},
		{Type: "removed", Schema: &Schema{
			Description: "Says that a block is gone on purpose.",
			Attributes: []Attribute{
				{Name: "from", Type: cty.DynamicPseudoType, Required: true, Static: true, Description: "Its address: `node_pool.old`."},
			},
			Blocks: []NestedBlock{{Type: "lifecycle", Max: 1, Schema: &Schema{
				Description: "What becomes of the real thing.",
				Attributes:  []Attribute{{Name: "destroy", Type: cty.Bool, Default: "true", Static: true, Description: "`false` forgets it and leaves it running."}},
			}}},
		}},
		{Type: "import", Schema: &Schema{
			Description: "Brings an existing cloud object under management. Once something is recorded at the address, the block has nothing more to do.",
			Attributes: []Attribute{
				{Name: "to", Type: cty.DynamicPseudoType, Required: true, Static: true, Description: "Its address: `node_pool.worker[0]`, `cluster.lab.vpc`."},
				{Name: "id", Type: cty.String, Required: true, PlanTime: true, Description: "The cloud's id: `i-0abc…`, `vpc-0abc…`."},
			},
		}},
		{Type: "check", Label: "name", Schema: &Schema{
			Description: "Assertions about the whole, reported after plan and apply. They never stop either.",
			Blocks:      []NestedBlock{{Type: "assert", Min: 1, Schema: conditionSchema("What must hold.")}},
		}},
	}
}

func variableSchema() *Schema {
	return &Schema{
		Description: "A value given from outside, referred to as `var.NAME`.",
		Attributes: []Attribute{
			{Name: "type", Type: cty.DynamicPseudoType, Static: true, Description: "`string`, `number`, `bool`, `any`, `list(…)`, `set(…)`, `map(…)`, `tuple([…])`, `object({…})` with `optional(type, default)`."},
			{Name: "default", Type: cty.DynamicPseudoType, Static: true, Description: "Its value when nobody sets it. Without a default it must be set."},
			{Name: "description", Type: cty.String, Static: true, Description: "What it is for."},
			{Name: "sensitive", Type: cty.Bool, Default: "false", Static: true, Description: "Never show it, and refuse it where it could be read by others."},
			{Name: "nullable", Type: cty.Bool, Default: "true", Static: true, Description: "Whether `null` is a value. With `false`, null means the default."},
		},
		Blocks: []NestedBlock{{Type: "validation", Schema: conditionSchema("What must hold for the value.")}},
	}
}

func outputSchema() *Schema {
	return &Schema{
		Description: "A value shown after apply; of a module: referred to as `module.NAME.OUTPUT`.",
		Attributes: []Attribute{
			{Name: "value", Type: cty.DynamicPseudoType, Required: true, Sensitive: true, Description: "The value."},
			{Name: "description", Type: cty.String, Static: true, Description: "What it is."},
			{Name: "sensitive", Type: cty.Bool, Default: "false", Static: true, Description: "Show it only when asked for by name."},
			{Name: "depends_on", Type: cty.DynamicPseudoType, Static: true, Description: "Main blocks and modules to be carried out before."},
		},
		Blocks: []NestedBlock{{Type: "precondition", Schema: conditionSchema("What must hold before the value is taken.")}},
	}
}

func conditionSchema(description string) *Schema {
	return &Schema{
		Description: description,
		Attributes: []Attribute{
			{Name: "condition", Type: cty.Bool, Required: true, Sensitive: true, Description: "An expression that is true when all is well."},
			{Name: "error_message", Type: cty.String, Required: true, Sensitive: true, Description: "What to tell when it is not."},
		},
	}
}

func moduleSchema() *Schema {
	return &Schema{
		Description: "Another directory of files as a part of this one. Arguments besides these are its variables.",
		Open:        true,
		Attributes: concat([]Attribute{
			{Name: "source", Type: cty.String, Required: true, Static: true, Description: "The directory, relative to this one: `\"./network\"`."},
		}, metaAttributes()),
	}
}

// mainTypes are the types of blocks that become objects.
func mainTypes() []string { return []string{"cluster", "node_pool", "workload", "manifest"} }

func isMainType(s string) bool {
	return s == "cluster" || s == "node_pool" || s == "workload" || s == "manifest"
}
