function mpc = feeder
% A 20 kV feeder of four buses with a PV plant at its end, for the library example.
mpc.version = '2';
mpc.baseMVA = 10;
%% bus_i type Pd Qd Gs Bs area Vm Va baseKV zone Vmax Vmin
mpc.bus = [
	1	3	0	0	0	0	1	1	0	20	1	1.05	0.95;
	2	1	1.2	0.4	0	0	1	1	0	20	1	1.05	0.95;
	3	1	0.8	0.25	0	0	1	1	0	20	1	1.05	0.95;
	4	1	-2.5	0	0	0	1	1	0	20	1	1.05	0.95;
];
%% bus Pg Qg Qmax Qmin Vg mBase status Pmax Pmin
mpc.gen = [
	1	0	0	10	-10	1.0	10	1	10	-10;
];
%% fbus tbus r x b rateA rateB rateC ratio angle status angmin angmax
mpc.branch = [
	1	2	0.0150	0.0120	0.0004	5	5	5	0	0	1	-360	360;
	2	3	0.0200	0.0160	0.0005	5	5	5	0	0	1	-360	360;
	3	4	0.0300	0.0200	0.0006	5	5	5	0	0	1	-360	360;
];
