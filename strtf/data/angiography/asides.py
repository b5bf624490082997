"""Text around the findings that carries no entities: access, drugs, pressures, treatment, plans.

It uses words that are entities elsewhere (vessels, 血栓, 扩张, 开口, 血流, 无, percentages): only what the
angiogram shows of the vessels is annotated.
"""

from random import Random


def aside(rng: Random) -> str:
    """A remark on how the examination was made, on the patient, or on what is advised."""
    number = rng.randint
    hand, trunk = rng.choice("左右"), rng.choice(("前降支", "LAD", "右冠", "RCA", "回旋支", "LCX"))
    return rng.choice(
        (
            f"经{hand}侧桡动脉穿刺成功，置入{number(5, 7)}F动脉鞘",
            f"常规消毒铺无菌巾，{number(1, 2)}%利多卡因局部麻醉",
            f"共用造影剂{number(4, 20)}0ml，术中肝素{number(30, 90)}00U",
            f"造影导管分别送至左、{rng.choice(('右冠', '右冠脉'))}开口行多体位造影",
            f"20{number(14, 23)}-{number(1, 12):02}-{number(1, 28):02}行冠状动脉造影检查",
            f"术中血压{number(100, 150)}/{number(60, 90)}mmHg，心率{number(55, 95)}次/分",
            f"左室造影射血分数约{number(45, 70)}%，{rng.choice(('室壁运动正常', '血流动力学稳定'))}",
            f"冠状动脉呈{rng.choice(('右优势型', '左优势型', '均衡型'))}",
            "冠脉开口于左、右冠窦，起源正常",
            f"患者术中{rng.choice(('无不适', '无胸痛', '生命体征平稳'))}，安返病房",
            f"血氧饱和度{number(94, 99)}%，心功能{number(1, 3)}级",
            f"建议择期行{trunk}介入治疗",
            f"拟于{number(1, 4)}周后处理{trunk}病变",
            f"家属同意，拟行{trunk}支架植入术",
            f"既往{number(1, 9)}年前行{trunk}支架植入术，无药物过敏史",
            f"{trunk}介入术后{number(1, 24)}个月复查",
        )
    )


def procedure(rng: Random) -> str:
    """What was done to a lesion; vessel, place and lesion belong to the name of the treatment."""
    number = rng.randint
    vessel = rng.choice(
        ("前降支近段", "LAD中段", "右冠中段", "RCA远段", "回旋支", "LCX近段", "左主干", "第一对角支", "D1")
    )
    size = f"{number(4, 8) * 0.5:.1f}×{number(12, 38)}mm"
    return rng.choice(
        (
            f"于{vessel}植入{size}支架{number(1, 2)}枚，支架内径满意",
            f"以{number(4, 6) * 0.5:.1f}×{number(10, 20)}mm球囊于{vessel}病变处扩张，压力{number(8, 18)}atm",
            f"沿导丝送入抽吸导管至{vessel}行血栓抽吸",
            f"对{vessel}狭窄处行球囊扩张及药物球囊治疗",
            f"在{vessel}病变处释放支架，{number(12, 20)}atm扩张{number(1, 3)}次",
            f"行{vessel}旋磨术，处理钙化病变",
        )
    )
