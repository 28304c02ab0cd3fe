"""The generic face laid onto any mesh, and its shapes carried over: for characters that have no shape keys."""
