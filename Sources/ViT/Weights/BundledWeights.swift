import Foundation

// The network that comes with the package: a small one, trained by the package itself on few pictures.
// Docs/DefaultWeights.md says how, and what it is worth.

extension VisionTransformer {
    /// Opens the network that comes with the package.
    ///
    /// - Throws: where the file is neither beside the program nor where the package was built: see
    ///   `WeightFile.bundled()`.
    public static func bundled() throws(WeightsError) -> VisionTransformer {
        try WeightFile.bundled().network()
    }
}

extension WeightFile {
    /// Opens the weights that come with the package, a safetensors file; its `metadata` says where they
    /// come from.
    ///
    /// The build puts them beside a program, into the folder dino-vit_ViT.resources, which has to be
    /// copied with it; where that is missing they are looked for in `../share/dino-vit` of the
    /// program's folder, and then in the sources that the program was built from.
    ///
    /// - Throws: `WeightsError.noBundledWeights` where they are in none of these.
    public static func bundled() throws(WeightsError) -> WeightFile {
        let places = BundledWeights.places
        guard let path = places.first(where: FileManager.default.fileExists(atPath:)) else {
            throw .noBundledWeights(places: places)
        }
        return try WeightFile(contentsOf: path)
    }
}

/// Where the weights that come with the package may be.
///
/// This is not `Bundle.module`, which ends the program where the file is missing and does not follow a
/// link to the program.
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
            // There a program is a bundle with folders of its own, and so may a test be.
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
