//! The control plane: reads cells, steps the automaton, writes signals.
