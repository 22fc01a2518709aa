import Foundation

// The bundled network: a small one that this package trained. Docs/DefaultWeights.md describes its training and its
// quality.

extension VisionTransformer {
    /// Opens the bundled network.
    ///
    /// - Throws: `WeightsError.noBundledWeights` if the file is in none of the places searched; see
    ///   `WeightFile.bundled()`.
    public static func bundled() throws(WeightsError) -> VisionTransformer {
        try WeightFile.bundled().network()
    }
}

extension WeightFile {
    /// Opens the bundled weights, a safetensors file whose `metadata` records their origin.
    ///
    /// The build puts the file next to the program, into the folder dino-vit_ViT.resources, which must be copied
    /// along with the program. If that is missing, the search continues in `../share/dino-vit`, relative to the
    /// program's folder, and then in the sources that the program was built from.
    ///
    /// - Throws: `WeightsError.noBundledWeights` if the file is in none of these places.
    public static func bundled() throws(WeightsError) -> WeightFile {
        let places = BundledWeights.places
        guard let path = places.first(where: FileManager.default.fileExists(atPath:)) else {
            throw .noBundledWeights(places: places)
        }
        return try WeightFile(contentsOf: path)
    }
}

/// The places searched for the bundled weights.
///
/// `Bundle.module` is not used: it aborts the program if the file is missing, and does not follow a symbolic link
/// to the program.
private enum BundledWeights {
    private static let file = "default.safetensors"

    static var places: [String] {
        var folders: [URL] = []
        if let program = Bundle.main.executableURL?.resolvingSymlinksInPath() {
            let folder = program.deletingLastPathComponent()
            folders.append(folder.appendingPathComponent("dino-vit_ViT.resources"))
            folders.append(
                folder.deletingLastPathComponent().appendingPathComponent("share/dino-vit"))
        }
        #if !os(Linux)
            // On macOS a program, or a test, may be a bundle with folders of its own.
            for bundle in [Bundle.main, Bundle(for: Anchor.self)] {
                guard let folder = bundle.resourceURL else { continue }
                folders.append(folder.appendingPathComponent("dino-vit_ViT.bundle"))
            }
        #endif
        let sources = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent()
        folders.append(sources.appendingPathComponent("Resources"))
        return folders.map { $0.appendingPathComponent(file).path }
    }

    #if !os(Linux)
        private final class Anchor {}
    #endif
}
