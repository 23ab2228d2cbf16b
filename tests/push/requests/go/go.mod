module billboard/checkhpke

go 1.26
