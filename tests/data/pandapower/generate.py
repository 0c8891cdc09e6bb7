"""Writes the networks of this folder and their reference states with pandapower.

Run by hand (python3 generate.py) where pandapower is installed; the tests only read what it wrote. Each NAME.json is
a network of our own, saved by pandapower and stripped of empty tables and results; NAME.csv holds the voltages of
pandapower.runpp with its default options (tolerance 1e-10 MVA), star points and inner nodes included.
"""
import csv
import json

import numpy as np
import pandapower as pp


def save(net, name, legacy=False):
    pp.runpp(net, tolerance_mva=1e-10, calculate_voltage_angles=True, numba=False)
    rows = [(str(i), r.vm_pu, r.va_degree) for i, r in net.res_bus.iterrows()]
    rows += [(f"trafo3w_{i}_star", r.vm_internal_pu, r.va_internal_degree) for i, r in net.res_trafo3w.iterrows()]
    rows += [(f"xward_{i}_source", r.vm_internal_pu, r.va_internal_degree) for i, r in net.res_xward.iterrows()]
    with open(name + ".csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["bus", "vm_pu", "va_degree"])
        for bus, vm, va in rows:
            if np.isfinite(vm):
                writer.writerow([bus, f"{vm:.12f}", f"{va:.10f}"])
    document = json.loads(pp.to_json(net))
    tables = document["_object"]
    for key in list(tables):
        value = tables[key]
        is_table = isinstance(value, dict) and value.get("_class") == "DataFrame"
        if key.startswith("res_") or key in ("std_types", "user_pf_options"):
            del tables[key]
        elif is_table:
            content = json.loads(value["_object"])
            if not content["index"]:
                del tables[key]
            else:
                value.pop("dtype", None)
                if legacy:
                    to_legacy(key, content, tables)
                value["_object"] = json.dumps(content, separators=(",", ":"))
    if legacy:
        tables["version"] = "2.4.0"
        tables["format_version"] = "2.4.0"
    with open(name + ".json", "w") as file:
        json.dump(document, file, indent=1)
        file.write("\n")


def to_legacy(key, content, tables):
    """What pandapower 2.4 wrote: no GeoJSON, no tap changer types, one share for P and Q."""
    def drop(column):
        at = content["columns"].index(column)
        del content["columns"][at]
        return [row.pop(at) for row in content["data"]]

    if key == "bus":
        points = [json.loads(geo)["coordinates"] if geo else [None, None] for geo in drop("geo")]
        geo = {"columns": ["x", "y", "coords"], "index": content["index"],
               "data": [[x, y, None] for x, y in points]}
        tables["bus_geodata"] = {"_module": "pandas.core.frame", "_class": "DataFrame",
                                 "_object": json.dumps(geo), "orient": "split"}
    if key == "trafo":
        types = drop("tap_changer_type")
        content["columns"].append("tap_phase_shifter")
        for row, kind in zip(content["data"], types):
            row.append(kind == "Ideal")
    if key == "load":
        for quantity in ("z", "i"):
            shares = drop(f"const_{quantity}_p_percent")
            drop(f"const_{quantity}_q_percent")
            content["columns"].append(f"const_{quantity}_percent")
            for row, share in zip(content["data"], shares):
                row.append(share)


def feeder():
    """Lines, transformers with taps on either side, switches of all kinds, loads, generators, shunts."""
    net = pp.create_empty_network(name="feeder", f_hz=50.0, sn_mva=10.0)
    hv = pp.create_bus(net, 110.0, name="grid", geodata=(7.5, 48.25))
    a, b, c, d, e, f = (pp.create_bus(net, 20.0, name=f"mv {i}", geodata=(7.5 + i, 48.0)) for i in range(6))
    lv, lv2 = (pp.create_bus(net, 0.4, name=name, min_vm_pu=0.9, max_vm_pu=1.1) for name in ("lv", "lv 2"))
    dark = pp.create_bus(net, 20.0, name="out of service", in_service=False)
    pp.create_ext_grid(net, hv, vm_pu=1.02, va_degree=5.0, max_p_mw=60.0, min_p_mw=-30.0)
    pp.create_transformer_from_parameters(
        net, hv, a, sn_mva=25.0, vn_hv_kv=112.0, vn_lv_kv=20.5, vkr_percent=0.41, vk_percent=11.2, pfe_kw=29.0,
        i0_percent=0.071, shift_degree=150.0, tap_side="hv", tap_neutral=0, tap_min=-9, tap_max=9,
        tap_step_percent=1.5, tap_pos=-2, tap_changer_type="Ratio", max_loading_percent=80.0)
    cable = dict(r_ohm_per_km=0.161, x_ohm_per_km=0.117, c_nf_per_km=273.0, max_i_ka=0.362)
    pp.create_line_from_parameters(net, a, b, 3.2, **cable, name="ring 1", parallel=2, df=0.9, max_loading_percent=60.0)
    pp.create_line_from_parameters(net, b, c, 1.7, **cable, g_us_per_km=2.5)
    pp.create_line_from_parameters(net, c, d, 2.1, **cable)
    pp.create_line_from_parameters(net, d, a, 4.0, **cable)
    pp.create_line_from_parameters(net, d, dark, 0.8, **cable)
    pp.create_line_from_parameters(net, a, e, 0.5, **cable, in_service=False)
    pp.create_switch(net, c, 2, et="l", closed=False)   # the ring is open at bus c
    pp.create_switch(net, d, 2, et="l", closed=True)
    pp.create_switch(net, c, e, et="b", closed=True)
    pp.create_switch(net, d, f, et="b", closed=True, z_ohm=0.35)
    pp.create_switch(net, e, f, et="b", closed=False)
    pp.create_transformer_from_parameters(
        net, b, lv, sn_mva=0.63, vn_hv_kv=20.0, vn_lv_kv=0.42, vkr_percent=1.1, vk_percent=6.0, pfe_kw=1.2,
        i0_percent=0.3, shift_degree=150.0, tap_side="lv", tap_neutral=1, tap_min=-2, tap_max=3,
        tap_step_percent=2.5, tap_pos=2, parallel=2, tap_changer_type="Ratio")
    pp.create_transformer_from_parameters(
        net, f, lv2, sn_mva=0.4, vn_hv_kv=20.0, vn_lv_kv=0.4, vkr_percent=1.425, vk_percent=6.0, pfe_kw=1.35,
        i0_percent=0.3375, shift_degree=150.0)
    net.trafo["leakage_resistance_ratio_hv"] = [0.5, 0.4, 0.5]
    net.trafo["leakage_reactance_ratio_hv"] = [0.5, 0.7, 0.5]
    pp.create_switch(net, f, 2, et="t", closed=True)
    pp.create_load(net, b, p_mw=2.4, q_mvar=0.8, scaling=0.6, name="industry")
    pp.create_load(net, c, p_mw=1.5, q_mvar=0.5, const_z_p_percent=30.0, const_i_p_percent=20.0,
                   const_z_q_percent=10.0, const_i_q_percent=60.0)
    pp.create_load(net, lv, p_mw=0.3, q_mvar=0.1)
    pp.create_load(net, lv2, p_mw=0.12, q_mvar=0.03)
    pp.create_load(net, d, p_mw=9.0, q_mvar=1.0, in_service=False)
    pp.create_sgen(net, a, p_mw=1.9, q_mvar=-0.2, scaling=0.8, sn_mva=2.0)
    pp.create_sgen(net, lv, p_mw=0.2, controllable=True, min_p_mw=0.0, max_p_mw=0.25, min_q_mvar=-0.1, max_q_mvar=0.1)
    pp.create_gen(net, d, p_mw=1.2, vm_pu=1.01, min_p_mw=0.2, max_p_mw=2.0, min_q_mvar=-1.0, max_q_mvar=1.0)
    pp.create_shunt(net, a, q_mvar=-0.9, p_mw=0.01, step=2, vn_kv=21.0)
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=50.0, cp2_eur_per_mw2=0.1, cp0_eur=3.0)
    pp.create_pwl_cost(net, 0, "gen", [[0.0, 1.0, 20.0], [1.0, 2.0, 35.0]])
    return net


def legacy_feeder():
    net = feeder()
    net.load.loc[:, ["const_z_q_percent", "const_i_q_percent"]] = net.load[["const_z_p_percent",
                                                                           "const_i_p_percent"]].values
    return net


def devices():
    """Three-winding transformers, phase shifters, impedances, wards, motors, storages, DC lines."""
    net = pp.create_empty_network(name="devices", f_hz=60.0, sn_mva=100.0)
    hv, hv2 = (pp.create_bus(net, 110.0) for _ in range(2))
    mv = [pp.create_bus(net, 20.0) for _ in range(5)]
    lv = [pp.create_bus(net, 10.0) for _ in range(5)]
    far = [pp.create_bus(net, 110.0) for _ in range(4)]
    pp.create_ext_grid(net, hv, vm_pu=1.01)
    pp.create_line_from_parameters(net, hv, hv2, 12.0, r_ohm_per_km=0.06, x_ohm_per_km=0.39, c_nf_per_km=9.5,
                                   max_i_ka=0.68)
    common = dict(vn_hv_kv=110.0, vn_mv_kv=20.0, vn_lv_kv=10.0, sn_hv_mva=63.0, sn_mv_mva=25.0, sn_lv_mva=38.0,
                  vk_hv_percent=10.4, vk_mv_percent=10.7, vk_lv_percent=9.9, vkr_hv_percent=0.28,
                  vkr_mv_percent=0.32, vkr_lv_percent=0.35, pfe_kw=35.0, i0_percent=0.89)
    variants = [
        dict(tap_side="hv", tap_pos=-3, tap_neutral=0, tap_min=-10, tap_max=10, tap_step_percent=1.2,
             tap_changer_type="Ratio"),
        dict(tap_side="mv", tap_pos=2, tap_neutral=0, tap_min=-8, tap_max=8, tap_step_percent=1.0,
             shift_mv_degree=30.0, tap_changer_type="Ratio"),
        dict(tap_side="hv", tap_pos=4, tap_neutral=1, tap_min=-8, tap_max=8, tap_step_percent=1.1,
             tap_step_degree=0.0, tap_at_star_point=True, tap_changer_type="Ratio"),
        dict(tap_side="lv", tap_pos=-2, tap_neutral=0, tap_min=-8, tap_max=8, tap_step_percent=1.1,
             tap_step_degree=60.0, shift_lv_degree=150.0, tap_changer_type="Symmetrical"),
        dict(),
    ]
    for i, variant in enumerate(variants):
        pp.create_transformer3w_from_parameters(net, hv if i % 2 else hv2, mv[i], lv[i], **common, **variant)
        pp.create_load(net, mv[i], p_mw=6.0 + i, q_mvar=1.5)
        pp.create_load(net, lv[i], p_mw=4.0, q_mvar=0.5 + 0.2 * i)
    net.trafo3w["loss_side"] = ["hv", "mv", "lv", "hv", "hv"]
    pp.create_switch(net, lv[4], 4, et="t3", closed=False)
    shifter = dict(vn_hv_kv=110.0, vn_lv_kv=110.0, sn_mva=80.0, vkr_percent=0.3, vk_percent=9.0, pfe_kw=20.0,
                   i0_percent=0.05, tap_neutral=0, tap_min=-10, tap_max=10)
    pp.create_transformer_from_parameters(net, hv, far[0], **shifter, tap_side="hv", tap_pos=3, tap_step_percent=0.0,
                                          tap_step_degree=1.5, tap_changer_type="Ideal")
    pp.create_transformer_from_parameters(net, hv, far[0], **shifter, tap_side="lv", tap_pos=-2, tap_step_percent=1.5,
                                          tap_step_degree=90.0, tap_changer_type="Symmetrical")
    pp.create_transformer_from_parameters(net, hv2, far[1], **shifter, tap_side="hv", tap_pos=5, tap_step_percent=1.3,
                                          tap_step_degree=60.0, tap_changer_type="Ratio")
    pp.create_impedance(net, far[0], far[1], rft_pu=0.01, xft_pu=0.06, sn_mva=50.0, gf_pu=0.001, bf_pu=0.02,
                        gt_pu=0.002, bt_pu=0.03)
    pp.create_load(net, far[1], p_mw=20.0, q_mvar=4.0)
    pp.create_ward(net, far[0], ps_mw=3.0, qs_mvar=1.0, pz_mw=2.0, qz_mvar=-1.5)
    pp.create_xward(net, far[1], ps_mw=1.0, qs_mvar=0.5, pz_mw=0.5, qz_mvar=0.2, r_ohm=2.0, x_ohm=25.0, vm_pu=1.0)
    pp.create_motor(net, mv[0], pn_mech_mw=1.5, cos_phi=0.86, efficiency_percent=94.0, loading_percent=80.0, scaling=0.9)
    pp.create_storage(net, mv[1], p_mw=-2.0, q_mvar=0.3, max_e_mwh=8.0, min_e_mwh=1.0, soc_percent=45.0, sn_mva=3.0)
    pp.create_asymmetric_load(net, mv[2], p_a_mw=0.4, q_a_mvar=0.1, p_b_mw=0.6, q_b_mvar=0.05, p_c_mw=0.2,
                              q_c_mvar=0.15, scaling=1.1)
    pp.create_asymmetric_sgen(net, mv[2], p_a_mw=0.3, p_b_mw=0.0, p_c_mw=0.1)
    pp.create_line_from_parameters(net, hv, far[2], 20.0, r_ohm_per_km=0.06, x_ohm_per_km=0.39, c_nf_per_km=9.5,
                                   max_i_ka=0.68)
    pp.create_line_from_parameters(net, hv2, far[3], 20.0, r_ohm_per_km=0.06, x_ohm_per_km=0.39, c_nf_per_km=9.5,
                                   max_i_ka=0.68)
    pp.create_dcline(net, far[2], far[3], p_mw=15.0, loss_percent=2.0, loss_mw=0.1, vm_from_pu=1.005, vm_to_pu=1.0,
                     max_p_mw=30.0, min_q_from_mvar=-20.0, max_q_from_mvar=20.0, min_q_to_mvar=-20.0,
                     max_q_to_mvar=20.0)
    return net


if __name__ == "__main__":
    save(feeder(), "feeder")
    save(legacy_feeder(), "feeder_2_4", legacy=True)
    save(devices(), "devices")
