// MPI's own header is included by CMPI.c alone: this target supplies the flags by which it is found and linked.
