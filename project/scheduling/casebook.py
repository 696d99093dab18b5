"""What the demo hospital operates on: rooms, teams, procedures, and patients nobody ever met."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Team:
    """A room with the people who work in it all day, and its list of procedures and minutes."""

    room: str
    specialty: str
    surgeons: list[tuple[str, str]]
    anaesthetist: tuple[str, str]
    procedures: list[tuple[str, int]]


TEAMS = [
    Team(
        room="OR 1",
        specialty="General surgery",
        surgeons=[("surgeon", "Dr. Clara Winter"), ("m.huber", "Dr. Matthias Huber")],
        anaesthetist=("e.lang", "Dr. Eva Lang"),
        procedures=[
            ("Laparoscopic cholecystectomy", 75),
            ("Inguinal hernia repair", 60),
            ("Right hemicolectomy", 150),
            ("Thyroid lobectomy", 95),
            ("Laparoscopic appendectomy", 50),
            ("Port implantation", 35),
        ],
    ),
    Team(
        room="OR 2",
        specialty="Orthopaedics",
        surgeons=[("t.berger", "Dr. Tobias Berger"), ("s.moser", "Dr. Sabine Moser")],
        anaesthetist=("p.koller", "Dr. Paul Koller"),
        procedures=[
            ("Total hip replacement", 105),
            ("Total knee replacement", 110),
            ("Knee arthroscopy", 45),
            ("Rotator cuff repair", 90),
            ("Carpal tunnel release", 30),
            ("Removal of tibial plate", 55),
        ],
    ),
    Team(
        room="OR 3",
        specialty="Cardiothoracic surgery",
        surgeons=[("h.gruber", "Prof. Helene Gruber"), ("d.aigner", "Dr. David Aigner")],
        anaesthetist=("r.pichler", "Dr. Ruth Pichler"),
        procedures=[
            ("Coronary artery bypass", 225),
            ("Aortic valve replacement", 200),
            ("Pacemaker implantation", 60),
            ("Thoracoscopic biopsy", 55),
        ],
    ),
    Team(
        room="OR 4",
        specialty="Gynaecology and urology",
        surgeons=[("n.bauer", "Dr. Nora Bauer"), ("l.egger", "Dr. Lukas Egger")],
        anaesthetist=("i.wolf", "Dr. Ines Wolf"),
        procedures=[
            ("Caesarean section", 55),
            ("Laparoscopic hysterectomy", 120),
            ("Transurethral resection of prostate", 70),
            ("Ureteroscopy", 50),
            ("Ovarian cystectomy", 80),
            ("Hysteroscopy", 30),
        ],
    ),
    Team(
        room="OR 5",
        specialty="Eye and ENT",
        surgeons=[("k.mayr", "Dr. Katharina Mayr"), ("f.leitner", "Dr. Felix Leitner")],
        anaesthetist=("o.brandl", "Dr. Oskar Brandl"),
        procedures=[
            ("Cataract surgery", 35),
            ("Cataract surgery, both lenses", 55),
            ("Tonsillectomy", 45),
            ("Septoplasty", 70),
            ("Cochlear implant", 135),
            ("Vitrectomy", 75),
            ("Myringotomy", 25),
        ],
    ),
    Team(
        room="OR 6",
        specialty="Trauma",
        surgeons=[("j.hofer", "Dr. Jakob Hofer"), ("a.schmid", "Dr. Anna Schmid")],
        anaesthetist=("v.auer", "Dr. Vera Auer"),
        procedures=[
            ("Hip fracture fixation", 95),
            ("Distal radius fixation", 65),
            ("Ankle fracture fixation", 80),
            ("Wound revision", 40),
            ("Femoral nailing", 120),
        ],
    ),
]

PATIENTS = [
    "Adele Novak", "Anton Kreuzer", "Berta Haslinger", "Bruno Zeller", "Carla Ebner",
    "Cornelius Rath", "Dora Fellner", "Edgar Stadler", "Elsa Brunner", "Emil Hartmann",
    "Franziska Thaler", "Georg Sailer", "Greta Lindner", "Hanna Vogl", "Hugo Rainer",
    "Ida Pollak", "Ignaz Kern", "Josefa Binder", "Karl Eder", "Klara Wimmer",
    "Leopold Haas", "Lina Strasser", "Magda Ortner", "Max Feichtinger", "Nikolaus Prinz",
    "Olga Seidl", "Otto Hacker", "Paula Riedl", "Quirin Unger", "Rosa Danner",
    "Rudolf Lechner", "Sophie Marek", "Theo Angerer", "Ursula Jahn", "Viktor Resch",
    "Wanda Kofler", "Xaver Plank", "Yvonne Schuster", "Zita Hollerer", "Albin Neubauer",
]  # fmt: skip

NOTES = [
    "Latex allergy.",
    "Takes anticoagulants; last dose two days ago.",
    "Diabetic: first on the list if anything moves.",
    "Needs an interpreter.",
    "Blood group and two units are ready.",
    "Difficult airway expected.",
]
