package manifest

import ("testing";"fmt";"os")

func TestSmoke(t *testing.T){
 data,_:=os.ReadFile("/tmp/smoke.yaml")
 s:=Parse("a.yaml",data,Options{})
 for _,o:=range s.Objects { fmt.Println(o.ID,o.APIVersion,o.Item,o.Opaque,o.Labels,o.Spec,o.Tree); fmt.Println(o.At("spec","servers",0,"hosts",1), o.At("metadata","name")) }
 for _,f:=range s.Faults { fmt.Printf("%s %v %s:%d:%d-%d:%d %s: %s %v\n",f.Rule,f.Warning,f.Object,f.Pos.Line,f.Pos.Column,f.Pos.EndLine,f.Pos.EndColumn,f.Pos.Path,f.Message,f.Related) }
 fmt.Println(s.Documents,s.Other,s.Skipped,s.Placeholders,s.Unreadable)
}
