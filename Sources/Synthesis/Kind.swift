/// A kind of creature. Kinds differ only in build; coats, colours and surroundings are independent of them.
package enum Kind: String, CaseIterable, Sendable, Codable, CodingKeyRepresentable {
    case horse, dog, giraffe, elephant, rabbit, lizard, bird, kangaroo, pig, camel

    var build: Build {
        switch self {
        case .horse: .horse
        case .dog: .dog
        case .giraffe: .giraffe
        case .elephant: .elephant
        case .rabbit: .rabbit
        case .lizard: .lizard
        case .bird: .bird
        case .kangaroo: .kangaroo
        case .pig: .pig
        case .camel: .camel
        }
    }
}

extension Build {
    fileprivate static let horse = Build(
        trunk: [0.28, 0.255, 0.275], neck: 0.62, neckRadii: (0.19, 0.11), neckAngle: 15...58,
        mane: 0.06, skull: 0.125, snout: 0.36, snoutRadius: 0.072, pitch: -58 ... -28,
        hind: Leg(
            thigh: 0.38, shank: 0.36, foot: 0.3, toes: 0.05, radii: [0.21, 0.1, 0.052, 0.045],
            pitch: 72...84, extent: 0.9...0.95, kneeAhead: true, hoof: 0.08),
        front: .legs(
            Leg(
                thigh: 0.34, shank: 0.36, foot: 0.27, toes: 0.05,
                radii: [0.14, 0.085, 0.05, 0.042], pitch: 76...86, extent: 0.94...0.98,
                kneeAhead: false, hoof: 0.08)),
        ears: Ears(length: 0.17, width: 0.045, angle: 85...130),
        tail: Tail(
            length: 0.72, angle: 205...245, curl: 10...50, radii: [0.05, 0.075, 0.07, 0.02]))

    fileprivate static let dog = Build(
        trunk: [0.2, 0.185, 0.25], neck: 0.34, neckRadii: (0.18, 0.145), neckAngle: 30...68,
        skull: 0.18, snout: 0.3, snoutRadius: 0.078, pitch: -28...8,
        hind: Leg(
            thigh: 0.36, shank: 0.34, foot: 0.2, toes: 0.08, radii: [0.19, 0.1, 0.052, 0.056],
            pitch: 58...74, extent: 0.84...0.92, kneeAhead: true),
        front: .legs(
            Leg(
                thigh: 0.34, shank: 0.35, foot: 0.11, toes: 0.08,
                radii: [0.14, 0.085, 0.056, 0.058], pitch: 62...80, extent: 0.93...0.98,
                kneeAhead: false)),
        ears: Ears(length: 0.33, width: 0.085, angle: 228...268, droop: 10...45, root: 118),
        tail: Tail(
            length: 0.66, angle: 110...190, curl: -70...30, radii: [0.065, 0.06, 0.05, 0.02]))

    fileprivate static let giraffe = Build(
        trunk: [0.21, 0.22, 0.25], neck: 1.3, neckRadii: (0.2, 0.085), neckAngle: 38...72,
        neckCurve: 10, mane: 0.035, skull: 0.1, snout: 0.27, snoutRadius: 0.055, pitch: -45 ... -12,
        horns: 0.13,
        hind: Leg(
            thigh: 0.4, shank: 0.48, foot: 0.46, toes: 0.05, radii: [0.2, 0.09, 0.05, 0.042],
            pitch: 78...86, extent: 0.9...0.95, kneeAhead: true, stride: 0.16, hoof: 0.08),
        front: .legs(
            Leg(
                thigh: 0.46, shank: 0.54, foot: 0.46, toes: 0.05,
                radii: [0.15, 0.08, 0.05, 0.042], pitch: 80...88, extent: 0.94...0.98,
                kneeAhead: false, stride: 0.16, hoof: 0.08)),
        ears: Ears(length: 0.17, width: 0.042, angle: 125...165),
        tail: Tail(
            length: 0.62, angle: 230...262, curl: -10...25, radii: [0.035, 0.022, 0.02, 0.06, 0.02])
    )

    fileprivate static let elephant = Build(
        trunk: [0.38, 0.41, 0.38], neck: 0.2, neckRadii: (0.31, 0.26), neckAngle: 8...38,
        skull: 0.27, snout: 0.2, snoutRadius: 0.14, pitch: -58 ... -36, proboscis: 0.84,
        hind: Leg(
            thigh: 0.42, shank: 0.36, foot: 0.1, toes: 0.045, radii: [0.27, 0.165, 0.128, 0.13],
            pitch: 82...92, extent: 0.96...0.985, kneeAhead: true, stride: 0.15),
        front: .legs(
            Leg(
                thigh: 0.42, shank: 0.4, foot: 0.09, toes: 0.045,
                radii: [0.2, 0.15, 0.125, 0.13], pitch: 84...92, extent: 0.965...0.99,
                kneeAhead: false, stride: 0.15)),
        ears: Ears(
            length: 0.46, width: 0.235, angle: 268...305, droop: -10...25, root: 185),
        tail: Tail(
            length: 0.55, angle: 235...262, curl: -10...25, radii: [0.05, 0.034, 0.026, 0.05, 0.02])
    )

    fileprivate static let rabbit = Build(
        trunk: [0.37, 0.36, 0.25], neck: 0.16, neckRadii: (0.22, 0.19), neckAngle: 25...62,
        skull: 0.215, snout: 0.19, snoutRadius: 0.115, pitch: -30 ... -2,
        hind: Leg(
            thigh: 0.36, shank: 0.32, foot: 0.3, toes: 0.14, radii: [0.27, 0.16, 0.075, 0.07],
            pitch: 6...20, extent: 0.42...0.6, kneeAhead: true, stride: 0.12),
        front: .legs(
            Leg(
                thigh: 0.24, shank: 0.24, foot: 0.06, toes: 0.08,
                radii: [0.13, 0.09, 0.062, 0.062], pitch: 40...70, extent: 0.8...0.96,
                kneeAhead: false, stride: 0.12)),
        ears: Ears(length: 0.62, width: 0.085, angle: 95...150, droop: -5...40, root: 110),
        tail: Tail(
            length: 0.14, angle: 130...165, curl: -20...20, radii: [0.09, 0.125, 0.1]))

    fileprivate static let lizard = Build(
        trunk: [0.19, 0.235, 0.185], neck: 0.2, neckRadii: (0.16, 0.14), neckAngle: -5...38,
        skull: 0.155, snout: 0.32, snoutRadius: 0.08, pitch: -14...16,
        hind: Leg(
            thigh: 0.22, shank: 0.2, foot: 0.08, toes: 0.1, radii: [0.12, 0.09, 0.06, 0.05],
            pitch: 15...35, extent: 0.52...0.72, kneeAhead: true, stride: 0.4),
        front: .legs(
            Leg(
                thigh: 0.2, shank: 0.2, foot: 0.06, toes: 0.1,
                radii: [0.105, 0.08, 0.055, 0.048], pitch: 15...35, extent: 0.56...0.74,
                kneeAhead: false, stride: 0.4)),
        ears: Ears(length: 0.17, width: 0.042, angle: 142...168, droop: -10...10),
        tail: Tail(
            length: 0.95, angle: 165...195, curl: -55...35,
            radii: [0.17, 0.125, 0.085, 0.05, 0.015]))

    fileprivate static let bird = Build(
        trunk: [0.19, 0.33, 0.3], slope: 18...46, hindAt: 0.3, neck: 0.3, neckRadii: (0.22, 0.15),
        neckAngle: 48...84, skull: 0.19, snout: 0.1, snoutRadius: 0.1, pitch: -18...14, beak: 0.3,
        hind: Leg(
            thigh: 0.2, shank: 0.26, foot: 0.34, toes: 0.17, radii: [0.15, 0.09, 0.038, 0.028],
            pitch: 62...80, extent: 0.84...0.94, kneeAhead: true, stride: 0.14),
        front: .wings(0.92),
        ears: Ears(length: 0.24, width: 0.05, angle: 115...150, droop: -10...25, root: 110),
        tail: Tail(
            length: 0.6, angle: 168...212, curl: -15...15, radii: [0.11, 0.1, 0.12, 0.07]))

    fileprivate static let kangaroo = Build(
        trunk: [0.32, 0.26, 0.17], slope: 38...62, neck: 0.24, neckRadii: (0.14, 0.11),
        neckAngle: 45...80, skull: 0.14, snout: 0.25, snoutRadius: 0.065, pitch: -30 ... -2,
        hind: Leg(
            thigh: 0.46, shank: 0.48, foot: 0.42, toes: 0.14, radii: [0.27, 0.15, 0.065, 0.058],
            pitch: 4...14, extent: 0.56...0.74, kneeAhead: true, stride: 0.1),
        front: .arms(upper: 0.24, fore: 0.24, radius: 0.075),
        ears: Ears(length: 0.29, width: 0.06, angle: 85...130),
        tail: Tail(
            length: 1.3, angle: 205...228, curl: -60 ... -22, radii: [0.2, 0.14, 0.1, 0.075, 0.045])
    )

    fileprivate static let pig = Build(
        trunk: [0.3, 0.32, 0.31], neck: 0.13, neckRadii: (0.27, 0.23), neckAngle: -12...22,
        skull: 0.225, snout: 0.3, snoutRadius: 0.105, pitch: -30 ... -5,
        hind: Leg(
            thigh: 0.26, shank: 0.22, foot: 0.1, toes: 0.03, radii: [0.2, 0.11, 0.062, 0.06],
            pitch: 70...84, extent: 0.86...0.93, kneeAhead: true, hoof: 0.07),
        front: .legs(
            Leg(
                thigh: 0.26, shank: 0.22, foot: 0.1, toes: 0.03,
                radii: [0.15, 0.1, 0.062, 0.06], pitch: 74...86, extent: 0.92...0.97,
                kneeAhead: false, hoof: 0.07)),
        ears: Ears(length: 0.24, width: 0.09, angle: 60...105, droop: 20...60, root: 95),
        tail: Tail(
            length: 0.6, angle: 95...125, curl: 200...245, radii: [0.04, 0.036, 0.032, 0.018])
    )

    fileprivate static let camel = Build(
        trunk: [0.23, 0.25, 0.26], hump: 0.34, neck: 0.85, neckRadii: (0.17, 0.1),
        neckAngle: -8...24, neckCurve: 95, skull: 0.11, snout: 0.3, snoutRadius: 0.075,
        pitch: -28 ... -6,
        hind: Leg(
            thigh: 0.42, shank: 0.42, foot: 0.34, toes: 0.07, radii: [0.19, 0.09, 0.055, 0.055],
            pitch: 72...84, extent: 0.92...0.96, kneeAhead: true, stride: 0.18),
        front: .legs(
            Leg(
                thigh: 0.42, shank: 0.42, foot: 0.3, toes: 0.07,
                radii: [0.15, 0.09, 0.058, 0.055], pitch: 78...87, extent: 0.94...0.98,
                kneeAhead: false, stride: 0.18)),
        ears: Ears(length: 0.11, width: 0.045, angle: 110...150),
        tail: Tail(
            length: 0.5, angle: 235...262, curl: -10...25, radii: [0.04, 0.028, 0.025, 0.05, 0.02]))
}
