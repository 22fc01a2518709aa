/// Where creatures are shown, and how much their pictures vary.
package enum Setting: String, CaseIterable, Sendable, Codable {
    /// In a studio: facing right, on a plain floor in front of a plain wall, with spots on the body, stripes on legs and
    /// tail, and plain head and ears in all kinds. All colours are random. Heads are lowered or raised, and the floor
    /// slopes, so that height tells little of the parts.
    case studio
    /// In front of a patchwork of materials, among other objects; the whole coat has one random pattern.
    case wild
}
