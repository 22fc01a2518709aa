import Descriptors
import Images
import ViT

// Step 1: read the photos of a folder.
/// Writes an index of the photos in a folder.
func makeIndex(of path: String, at file: String) throws {
    let folder = try PictureFolder(path)
    let photos = try folder.files.indices.map { index in
        try Image(contentsOf: folder.path(of: index)).resized(shorterSide: 256, using: .bicubic)
    }

    // Step 2: compute their embeddings.
    let extractor = Extractor(try VisionTransformer.bundled())
    let index = try EmbeddingIndex(of: photos, names: folder.files, using: extractor)

    // Step 3: store the index.
    try index.write(to: file)
}

// Step 4: read the index back and search it.
/// The five photos of an index that are most similar to another one.
func search(_ file: String, for photo: Image) throws -> [(name: String, similarity: Float)] {
    let index = try EmbeddingIndex(contentsOf: file)
    let extractor = Extractor(try VisionTransformer.bundled())
    return try index.nearest(to: photo, count: 5, using: extractor)
}
